/**
 * A changelog is broken where a row of it goes that never came: a number that such a row is part of would be too
 * small, so no view shows one. Here is found which records do it, for those who have to act.
 */
import { eventColumn } from "../compiler/event-order.ts";
import { goneUnknown, rowFields, weightColumn, weightedRows } from "../compiler/weights.ts";
import type { ChangelogStream, StreamDefinition, ViewDefinition } from "../definition.ts";
import { quoteName, quoteText, type Session } from "../duckdb/duck.ts";
import { messageOf } from "../errors.ts";
import { History } from "../history/history.ts";
import type { Log } from "../log/log.ts";
import { type Position, rangesBetween } from "../position.ts";
import type { Trouble } from "../store/incidents.ts";
import type { FailingGroups, VersionManifest } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import { isGoneUnknown } from "./failing-groups.ts";

export interface BrokenSearch {
  readonly store: Store;
  readonly log: Log;
  /** What the search reads lies in its tables until it is closed. */
  readonly openSession: () => Promise<Session>;
  /** Texts of the keys whose rows are in question, in the order of the stream's key; null: not known. */
  readonly keysOf?: (stream: string) => Promise<readonly (readonly string[])[] | null>;
}

/**
 * The trouble of each broken changelog, by stream.
 * @param failing what is known of the views at this position, by view
 */
export async function brokenChangelogs(
  search: BrokenSearch,
  { origin, definition }: Pick<VersionManifest, "origin" | "definition">,
  position: Position,
  failing: ReadonlyMap<string, FailingGroups>,
): Promise<Map<string, Trouble>> {
  const troubles = new Map<string, Trouble>();
  const fails = ({ name }: ViewDefinition) =>
    failing.get(name)?.groups.some(({ message }) => isGoneUnknown(message)) === true;
  for (const stream of definition.streams.filter(isChangelog)) {
    const { name } = stream;
    const touched = definition.views.filter(({ streams }) => streams.includes(name));
    if (!touched.some(fails)) continue;
    const records = await recordsIn(search, stream, origin, position).catch(
      (error: unknown) => `by which record can't be found: ${messageOf(error)}`,
    );
    if (records !== null) troubles.set(name, troubleOf(stream, records, touched, fails));
  }
  return troubles;
}

function isChangelog(stream: StreamDefinition): stream is ChangelogStream {
  return stream.changelog !== undefined;
}

/** @param views that read it; where their groups have other rows, too, those that don't fail may be short of one */
function troubleOf(
  { name, changelog }: ChangelogStream,
  records: string,
  views: readonly ViewDefinition[],
  fails: (view: ViewDefinition) => boolean,
): Trouble {
  const keys = changelog.key.map((key) => `${key} (${changelog.row.find((field) => field.name === key)!.type})`);
  const list = (some: readonly ViewDefinition[]) => some.map((view) => view.name).join(", ");
  const others = views.filter((view) => !fails(view));
  const short = others.length > 0 ? ` (${list(others)} may be short of it)` : "";
  const message =
    `a row of ${name} ${goneUnknown}, with the key ${keys.join(", ")}, ${records}; what it was part of is not shown ` +
    `by ${list(views.filter(fails))}${short}; only a record of another program or an accepted loss does this: ` +
    "declare the changelog under another name, so that it is written anew";
  return { code: "SERVE_VIEW_FAILED", message, views: views.map((view) => view.name), streams: [name] };
}

/** The records that do it, in words; null: none does. */
async function recordsIn(
  { store, log, openSession, keysOf }: BrokenSearch,
  stream: ChangelogStream,
  origin: Position,
  position: Position,
): Promise<string | null> {
  const keys = (await keysOf?.(stream.name)) ?? null;
  using session = await openSession();
  const ranges = rangesBetween(origin, position).filter((range) => range.stream === stream.name);
  const records = await new History(store, log, origin).events(session, stream, ranges, true);
  const rows = weightedRows(stream, keys === null ? records : ofKeys(stream, records, keys), true);
  const fields = rowFields(stream).map(({ name }) => quoteName(name));
  const same = `PARTITION BY ${fields.join(", ")}`;
  const order = `ORDER BY ${eventColumn}, ${weightColumn} DESC ROWS UNBOUNDED PRECEDING`;
  const left = `sum(${weightColumn}) OVER (${same} ${order})`;
  const counted = `SELECT *, ${left} AS __left, sum(${weightColumn}) OVER (${same}) AS __all FROM (${rows})`;
  const wrong = `SELECT DISTINCT ${eventColumn}.p AS p, ${eventColumn}.o AS o FROM (${counted})
    WHERE __all < 0 AND __left < 0 AND ${weightColumn} < 0`;
  const [first] = await session.rows(`SELECT p, o, count(*) OVER () AS n FROM (${wrong}) ORDER BY p, o LIMIT 1`);
  if (!first) return null;
  const others = Number(first.n) - 1;
  const more = others === 0 ? "" : ` and ${others} other record${others === 1 ? "" : "s"}`;
  return `by partition ${String(first.p)} offset ${String(first.o)}${more}`;
}

/** The records of some keys. */
function ofKeys({ changelog }: ChangelogStream, records: string, keys: readonly (readonly string[])[]): string {
  const texts = changelog.key.map(
    (name) => `CAST(struct_extract(coalesce(after, before), ${quoteText(name)}) AS VARCHAR)`,
  );
  const values = keys.map((key) => `(${key.map(quoteText).join(", ")})`);
  return `SELECT * FROM (${records}) WHERE (${texts.join(", ")}) IN (${values.join(", ") || "NULL"})`;
}
