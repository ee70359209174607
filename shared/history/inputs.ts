/** From a view's streams and reference tables to what its texts read. */
import { noEvents } from "../archive/segments.ts";
import { eventColumn } from "../compiler/event-order.ts";
import type { Inputs } from "../compiler/texts.ts";
import { rowsLeft, weightedRows } from "../compiler/weights.ts";
import type { Definition, StreamDefinition, ViewDefinition } from "../definition.ts";
import { quoteName } from "../duckdb/duck.ts";

/**
 * @param eventsOf a SELECT of a stream's events; `ordered` where a view of the definition needs their places,
 *   for all views alike
 * @param references a SELECT of each reference table's rows
 */
export async function inputsOf(
  definition: Definition,
  view: ViewDefinition,
  eventsOf: (stream: StreamDefinition, ordered: boolean) => string | Promise<string>,
  references: ReadonlyMap<string, string>,
): Promise<Inputs> {
  const inputs = new Map<string, string>();
  for (const name of view.streams) {
    const stream = definition.streams.find((each) => each.name === name)!;
    const ordered = definition.views.some((each) => each.ordered && each.streams.includes(name));
    const events = await eventsOf(stream, ordered);
    const own = ordered && !view.ordered ? withoutPlaces(events) : events;
    inputs.set(name, view.weighted ? weightedRows(stream, own, view.ordered) : own);
  }
  for (const name of view.references) inputs.set(name, references.get(name)!);
  return inputs;
}

/**
 * What a view's own SQL reads of all events from the origin on: of a changelog the rows that are left.
 * @param eventsOf as for `inputsOf`
 */
export async function plainInputsOf(
  definition: Definition,
  view: ViewDefinition,
  eventsOf: (stream: StreamDefinition, ordered: boolean) => Promise<string>,
  references: ReadonlyMap<string, string>,
): Promise<Inputs> {
  if (!view.weighted) return inputsOf(definition, view, eventsOf, references);
  const inputs = new Map<string, string>();
  for (const name of view.streams) {
    const stream = definition.streams.find((each) => each.name === name)!;
    const records = await eventsOf(stream, true);
    inputs.set(name, stream.changelog ? rowsLeft(stream, stream.changelog, records) : withoutPlaces(records));
  }
  for (const name of view.references) inputs.set(name, references.get(name)!);
  return inputs;
}

function withoutPlaces(events: string): string {
  return `SELECT * EXCLUDE (${eventColumn}) FROM (${events})`;
}

/** No events at all, of any stream of the view; then it does not matter what its reference tables hold. */
export function noInputs(definition: Definition, view: ViewDefinition): Promise<Inputs> {
  const empty = definition.references.map(({ name, columns }) => {
    const list = columns.map((column) => `CAST(NULL AS ${column.type}) AS ${quoteName(column.name)}`);
    return [name, `SELECT ${list.join(", ")} WHERE false`] as const;
  });
  return inputsOf(definition, view, noEvents, new Map(empty));
}
