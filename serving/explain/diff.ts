/** What changed between two positions, and because of which offsets. */
import { eventColumn } from "../../shared/compiler/event-order.ts";
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import { partialOf, placesOf, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { freshName, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { aroundFailing, failingError, isOfValues } from "../../shared/health/failing-groups.ts";
import { History } from "../../shared/history/history.ts";
import type { Log } from "../../shared/log/log.ts";
import { covers, type Position, rangesBetween } from "../../shared/position.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { Store } from "../../shared/store/store.ts";
import { keyWriter } from "../question/group-keys.ts";
import { maySkipGroups, shownOf } from "../question/shown.ts";
import { jsonRow } from "../rows/json.ts";
import { fewRows } from "../rows/rows.ts";
import { atPosition, type Past } from "../snapshot/past.ts";
import { runPins } from "../snapshot/run-pins.ts";
import { placed } from "./events.ts";
import { shownKeys } from "./group.ts";

/** How many offsets are listed one by one. */
const offsetsMax = 20;
/** Above this many groups without a value, they are not excluded one by one. */
const failingMax = 20;

export interface ChangedRow {
  /** JSON texts; null: there is no such row. */
  readonly before: string | null;
  readonly after: string | null;
  /** The shown keys, JSON. */
  readonly key: string;
  /** Events of its group in between; null where a view's events are not known. */
  readonly events: number | null;
  /** The first of them, as partition:offset. */
  readonly offsets: readonly string[] | null;
  /** At which of the two positions the view's SQL had no value for the group. */
  readonly failed: readonly ("before" | "after")[];
}

export interface ViewDiff {
  readonly view: string;
  /** Groups with events in between. */
  readonly groups: number;
  readonly rows: readonly ChangedRow[];
}

export interface DiffOptions {
  readonly store: Store;
  readonly log: Log;
  readonly session: Session;
  readonly manifest: VersionManifest;
  readonly from: Position;
  readonly to: Position;
  /** Rows of a view. */
  readonly limit: number;
}

/**
 * @throws USAGE where `to` does not cover `from`, or a position can't be answered;
 * SERVE_VIEW_FAILED for a view without any value; LOG_RANGE, STORE_*
 */
export async function diffBetween(options: DiffOptions, views: readonly ViewDefinition[]): Promise<ViewDiff[]> {
  const { store, log, session, manifest, from, to } = options;
  if (!covers(to, from))
    throw new TidemarkError("USAGE", "to does not cover from", "give the earlier position as from");
  // two names for pins, since both positions may read the same files
  await using earlier = runPins(store);
  await using later = runPins(store);
  const before = await atPosition(store, log, from, earlier.run);
  const after = await atPosition(store, log, to, later.run);
  const history = new History(store, log, manifest.origin);
  const found: ViewDiff[] = [];
  for (const view of views) {
    for (const past of [before, after]) checkSame(view, past);
    const table = await touchedGroups(session, history, manifest, view, rangesBetween(from, to));
    try {
      if (maySkipGroups(view)) await leaveOutHidden(session, view, table, [before, after]);
      found.push(await changedIn(options, view, table, before, after));
    } finally {
      await session.run(`DROP TABLE ${table}`);
    }
  }
  return found;
}

/** An older version's view may mean something else. */
function checkSame(view: ViewDefinition, { snapshot }: Past): void {
  const own = snapshot.manifest.definition.views.find((each) => each.name === view.name);
  if (own?.identity === view.identity && own.finalize === view.finalize) return;
  throw new TidemarkError(
    "USAGE",
    `view "${view.name}" had another definition then`,
    "compare positions after the change",
  );
}

/** A table of the groups that have events in these ranges: their keys, `events` and `offsets`. */
async function touchedGroups(
  session: Session,
  history: History,
  { definition }: VersionManifest,
  view: ViewDefinition,
  ranges: ReturnType<typeof rangesBetween>,
): Promise<string> {
  const keys = groupKeyNames(view)
    .map((key) => `${key}, `)
    .join("");
  const table = freshName("touched");
  const list = (events: string, offsets: string, from: string, by: string) =>
    `CREATE TEMP TABLE ${table} AS SELECT ${keys}${events} AS events, ${offsets} AS offsets FROM (${from}) ${by}`;
  if (view.events === null) {
    const inputs = await history.inputs(session, definition, ranges)(view);
    const groups = `SELECT DISTINCT ${keys}1 AS one FROM (${partialOf(view, inputs)})`;
    await session.run(list("NULL::BIGINT", "NULL::VARCHAR[]", groups, ""));
    return table;
  }
  const inputs = await history.inputs(session, placed(definition, view), ranges)({ ...view, ordered: true });
  const offsets = `list(${eventColumn}.p || ':' || ${eventColumn}.o ORDER BY ${eventColumn})[:${offsetsMax}]`;
  await session.run(list("count(*)", offsets, placesOf(view, view.events, inputs), `GROUP BY ALL HAVING count(*) > 0`));
  return table;
}

/** Removes groups that the view shows at neither position; one without a value is not hidden. */
async function leaveOutHidden(
  session: Session,
  view: ViewDefinition,
  table: string,
  at: readonly Past[],
): Promise<void> {
  const same = groupKeyNames(view).map((key) => `own.${key} IS NOT DISTINCT FROM touched.${key}`);
  const touching = (rows: string, others: string) =>
    `SELECT own.* FROM (${rows}) own SEMI JOIN (${others}) touched ON ${same.join(" AND ") || "true"}`;
  const kept = freshName("kept");
  const keep = (some: string) => session.run(`INSERT INTO ${kept} ${some}`);
  const keepShown = (partials: string) => keep(shownOf(view, `FROM ${table}`, rowsOf(view, partials)));
  await session.run(`CREATE TEMP TABLE ${kept} AS FROM ${table} LIMIT 0`);
  try {
    for (const past of at) {
      const partials = touching(await past.partials(session, view), `FROM ${table}`);
      await keepShown(partials).catch((error: unknown) => {
        if (!isOfValues(error)) throw error;
        return aroundFailing(session, view, partials, [], failingMax, async (passing, failing) => {
          if (failing.groups.length === 0) throw error;
          if (passing === null) throw failingError(view.name, failing);
          await keepShown(passing);
          await keep(touching(`FROM ${table}`, failing.keys));
        });
      });
    }
    await session.run(`CREATE OR REPLACE TEMP TABLE ${table} AS SELECT DISTINCT * FROM ${kept}`);
  } finally {
    await session.run(`DROP TABLE ${kept}`);
  }
}

async function changedIn(
  { session, limit }: DiffOptions,
  view: ViewDefinition,
  table: string,
  before: Past,
  after: Past,
): Promise<ViewDiff> {
  const shown = shownKeys(view);
  const keys = groupKeyNames(view);
  const groups = Number(await session.value(`SELECT count(*) FROM ${table}`));
  const some = `(FROM ${table} ORDER BY ${keys.join(", ") || "1"} LIMIT ${limit})`;
  const same = keys.map((key) => `own.${key} IS NOT DISTINCT FROM touched.${key}`).join(" AND ") || "true";
  const named = shown.map((column) => `CAST(${column.key} AS ${column.type}) AS ${quoteName(column.name)}`);
  const rowsAt = async (past: Past) => {
    const partials = `SELECT own.* FROM (${await past.partials(session, view)}) own SEMI JOIN ${some} touched ON ${same}`;
    const given = async (from: string, failing: readonly string[]) => {
      if (groups === 0) return { rows: new Map<string, string>(), failing };
      const { columns, rows } = await fewRows(session, rowsOf(view, from));
      const keyOf = keyWriter(view, shown, columns);
      return { rows: new Map(rows.map((row) => [keyOf(row), jsonRow(columns, row)])), failing };
    };
    try {
      return await given(partials, []);
    } catch (error) {
      if (!isOfValues(error)) throw error;
      return aroundFailing(session, view, partials, [], failingMax, async (passing, failing) => {
        if (failing.groups.length === 0) throw error;
        if (passing === null) throw failingError(view.name, failing);
        const keys = await fewRows(session, `SELECT ${named.join(", ") || "1"} FROM (${failing.keys})`);
        return given(
          passing,
          keys.rows.map((row) => jsonRow(keys.columns, row)),
        );
      });
    }
  };
  const [left, right] = [await rowsAt(before), await rowsAt(after)];
  const list = named.map((key) => `${key}, `).join("");
  const touched = await fewRows(session, `SELECT ${list}events, offsets::JSON::VARCHAR FROM ${some}`);
  const keyed = touched.columns.slice(0, shown.length);
  const rows = touched.rows.map((row): ChangedRow => {
    const key = jsonRow(keyed, row);
    const [events, offsets] = row.slice(shown.length);
    return {
      key,
      before: left.rows.get(key) ?? null,
      after: right.rows.get(key) ?? null,
      events: events === null ? null : Number(events),
      offsets: offsets === null ? null : (JSON.parse(String(offsets)) as string[]),
      failed: [
        ...(left.failing.includes(key) ? (["before"] as const) : []),
        ...(right.failing.includes(key) ? (["after"] as const) : []),
      ],
    };
  });
  return { view: view.name, groups, rows };
}
