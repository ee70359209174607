/** The events of a group, with their places: read from archive and log. */
import { eventColumn } from "../../shared/compiler/event-order.ts";
import { placesOf } from "../../shared/compiler/texts.ts";
import type { Definition, ViewDefinition } from "../../shared/definition.ts";
import { type Param, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { History } from "../../shared/history/history.ts";
import type { Range } from "../../shared/position.ts";
import { jsonRow } from "../rows/json.ts";
import { fewRows } from "../rows/rows.ts";
import { groupCondition, type ViewGroup } from "./group.ts";

/** An event's place, in the log's order. */
export interface EventPlace {
  readonly partition: number;
  readonly offset: number;
  /** Log time, ISO. */
  readonly time: string;
}

export interface SourceEvent extends EventPlace {
  readonly stream: string;
  /** JSON text of its fields. */
  readonly event: string;
}

/** A definition whose SQL keeps the places of the view's events. */
export function placed(definition: Definition, view: ViewDefinition): Definition {
  return { ...definition, views: [{ ...view, ordered: true }] };
}

/** @throws USAGE where a view's events can't be listed */
function eventsText(view: ViewDefinition): string {
  if (view.events !== null) return view.events;
  throw new TidemarkError(
    "USAGE",
    `the events of a row of view "${view.name}" can't be listed`,
    "it reads several streams, or a subquery that does not keep events' places",
  );
}

export interface EventPage {
  readonly ranges: readonly Range[];
  readonly limit: number;
  /** How many to skip. */
  readonly after: number;
}

/**
 * A page of the group's events in these ranges, in the log's order.
 * @throws USAGE; LOG_RANGE, STORE_* as History
 */
export async function eventsOfGroup(
  session: Session,
  history: History,
  definition: Definition,
  group: ViewGroup,
  { ranges, limit, after }: EventPage,
): Promise<SourceEvent[]> {
  const { view } = group;
  const text = eventsText(view);
  const stream = definition.streams.find((each) => each.name === view.streams[0])!;
  const inputs = await history.inputs(session, placed(definition, view), ranges)({ ...view, ordered: true });
  const params: Param[] = [];
  const own = `FROM (${placesOf(view, text, inputs)}) WHERE ${groupCondition(group, params)}`;
  const chosen = `SELECT ${eventColumn} ${own} ORDER BY 1 LIMIT ${limit} OFFSET ${after}`;
  // named so that a field may have any name
  const place = ["p", "o", "t"].map((part) => `${eventColumn}.${part} AS __${part}`);
  const shown = [...place, ...stream.fields.map(({ name }) => quoteName(name))].join(", ");
  // of a changelog the records, not the rows that they change
  const events = stream.changelog ? await history.events(session, stream, ranges, true) : inputs.get(stream.name)!;
  const from = `FROM (${events}) WHERE ${eventColumn} IN (${chosen})`;
  const { columns, rows } = await fewRows(session, `SELECT ${shown} ${from} ORDER BY ${eventColumn}`, params);
  const written = columns.slice(place.length);
  return rows.map(([partition, offset, time, ...values]) => ({
    stream: stream.name,
    partition: Number(partition),
    offset: Number(offset),
    time: new Date(Number(time)).toISOString(),
    event: jsonRow(written, values),
  }));
}
