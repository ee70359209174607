import { csvHead, csvRow } from "../../serving/rows/csv.ts";
import { jsonRow } from "../../serving/rows/json.ts";
import { type RowColumn, type Rows, rowsFrom } from "../../serving/rows/rows.ts";
import { atPosition, atVersion, type Past } from "../../serving/snapshot/past.ts";
import { rowsOf } from "../../shared/compiler/texts.ts";
import { type DuckDBValue, quoteName, type Session } from "../../shared/duckdb/duck.ts";
import { messageOf, TidemarkError } from "../../shared/errors.ts";
import { failingError, failingGroups, isOfValues, noneFailing } from "../../shared/health/failing-groups.ts";
import { sameName } from "../../shared/names.ts";
import { formatPosition, strangeStreams, withAdded } from "../../shared/position.ts";
import type { Project } from "../../shared/project/project.ts";
import { damagedFiles } from "../../shared/store/file-troubles.ts";
import { endsOf } from "../../shared/store/origin.ts";
import { failureOf } from "../../shared/store/partials.ts";
import { PositionTexts } from "../../shared/store/position-texts.ts";
import { checkedPartials } from "../../shared/store/snapshot-rows.ts";
import type { Store } from "../../shared/store/store.ts";
import { newestVersion } from "../../shared/store/versions.ts";
import type { Context } from "../context.ts";
import { withProject, withStore } from "../opened.ts";
import { queryServer } from "../remote.ts";
import { nothing, withPins, withSession, withSnapshot } from "../snapshot.ts";
import { orStopped } from "../stop.ts";
import { columnsText } from "../table-text.ts";
import type { QueryFormat, VerbArgs } from "../verb.ts";

/** Prints the rows on standard output; the position they are exact at, and their source, on standard error. */
export async function run(context: Context, args: VerbArgs["query"]): Promise<number> {
  const { version, position, server } = args;
  if (server !== null) return queryServer(context, server, args);
  if (position !== null)
    return withProject(context, ({ project, store, log }) =>
      withPins(store, async (run) => {
        const newest = await newestVersion(store);
        if (!newest) throw nothing(store);
        const texts = new PositionTexts(store, Date.now, (line) => context.say(line));
        const long = await texts.longOf(position);
        const strange = strangeStreams(long, newest.origin);
        const { end } = await endsOf(log, newest.definition.streams);
        const asked = await texts.read(position, withAdded(newest.origin, end));
        if (strange.length > 0 && strange.length === long.split(";").filter((part) => part !== "").length) {
          throw new TidemarkError(
            "USAGE",
            `position "${position.slice(0, 200)}" names no known stream`,
            `there are: ${Object.keys(newest.origin).join(", ")}`,
          );
        }
        for (const stream of strange) context.say(`stream ${stream} is not in version ${newest.number}: ignored`);
        const past = await atPosition(store, log, asked, run);
        return answer(context, project, store, past, args);
      }),
    );
  return withStore(context, (store, project) => {
    if (version !== null)
      return withPins(store, async (run) =>
        answer(context, project, store, await atVersion(store, version, run), args),
      );
    return withSnapshot(store, (snapshot) => {
      const partials: Past["partials"] = (_session, view) => checkedPartials(store, snapshot, view);
      return answer(context, project, store, { snapshot, from: `version ${snapshot.manifest.number}`, partials }, args);
    });
  });
}

async function answer(
  context: Context,
  project: Project,
  store: Store,
  past: Past,
  { sql, format }: VerbArgs["query"],
): Promise<number> {
  const { manifest, position } = past.snapshot;
  return withSession(project, store, manifest.definition, async (session) => {
    const read = new Map<string, string>();
    const printed = resultOf(session, past, sql, read).then((result) => print(context, result, format));
    const rows = await orStopped(
      printed.catch(async (error: unknown) => {
        throw isOfValues(error) ? ((await failureIn(session, past, read)) ?? complained(error)) : complained(error);
      }),
      context.signal,
    );
    const at = formatPosition(position) || "the origin";
    for (const line of await damagedFiles(store)) context.say(`DAMAGED: ${line}`);
    context.say(`${rows} ${rows === 1 ? "row" : "rows"}, exact at ${at} (${past.from})`);
    return 0;
  });
}

/** The first view whose value can't be computed for some group; null: the query itself fails. */
async function failureIn(
  session: Session,
  { snapshot }: Past,
  partials: ReadonlyMap<string, string>,
): Promise<TidemarkError | null> {
  for (const view of snapshot.manifest.definition.views) {
    const rows = partials.get(view.name);
    const failing = rows === undefined ? noneFailing : await failingGroups(session, view, rows);
    if (failing.groups.length > 0) return failingError(view.name, failing);
  }
  return null;
}

function complained(error: unknown): unknown {
  if (error instanceof TidemarkError) return error;
  return new TidemarkError("QUERY_FAILED", messageOf(error), "the views are listed by: tidemark status", {}, error);
}

/**
 * Runs a query over DuckDB views. DuckDB itself finds the views that the query names: only their files are checked and
 * read.
 * @param read is given a SELECT of the partial rows of each
 * @throws SERVE_VIEW_FAILED when one of them has failed; DuckDB's own errors
 */
async function resultOf(
  session: Session,
  { snapshot, partials }: Past,
  sql: string,
  read: Map<string, string>,
): Promise<Rows> {
  const make = async (named: string): Promise<boolean> => {
    const view = snapshot.manifest.definition.views.find(({ name }) => sameName(name, named));
    if (!view || read.has(view.name)) return false;
    const failed = failureOf(snapshot, view.name);
    if (failed)
      throw new TidemarkError(
        "SERVE_VIEW_FAILED",
        `view "${view.name}" has failed: ${failed.message}`,
        "correct its SQL and run: tidemark batch --once",
      );
    const own = await partials(session, view);
    await session.run(`CREATE TEMP VIEW ${quoteName(view.name)} AS ${rowsOf(view, own)}`);
    read.set(view.name, own);
    return true;
  };
  for (const name of session.connection.getTableNames(sql, false)) await make(name);
  for (;;) {
    try {
      return await rowsFrom(session, sql, []);
    } catch (error) {
      // for compound statements (PIVOT) DuckDB gives no list, but its error names the first missing view
      const [, missing] = /Table with name "?(.+?)"? does not exist/.exec(messageOf(error)) ?? [];
      if (missing === undefined || !(await make(missing))) throw error;
    }
  }
}

async function print(context: Context, { columns, chunks }: Rows, format: QueryFormat): Promise<number> {
  const writer = writers[format](columns);
  let count = 0;
  await emit(context, writer.head);
  for await (const chunk of chunks) {
    await emit(
      context,
      chunk
        .getRows()
        .map((row) => writer.row(row, count++))
        .join(""),
    );
  }
  await emit(context, writer.tail());
  return count;
}

async function emit(context: Context, text: string): Promise<void> {
  if (text !== "") await context.out(text);
}

interface Writer {
  readonly head: string;
  row(row: readonly DuckDBValue[], index: number): string;
  tail(): string;
}

const writers: Record<QueryFormat, (columns: readonly RowColumn[]) => Writer> = {
  json: (columns) => ({
    head: "[",
    row: (row, i) => `${i > 0 ? ",\n" : ""}${jsonRow(columns, row)}`,
    tail: () => "]\n",
  }),
  ndjson: (columns) => ({ head: "", row: (row) => `${jsonRow(columns, row)}\n`, tail: () => "" }),
  csv: (columns) => ({ head: csvHead(columns), row: (row) => csvRow(columns, row), tail: () => "" }),
  table: (columns) => {
    const rows: string[][] = [];
    return {
      head: "",
      row: (row) => {
        rows.push(row.map((value, i) => (value === null ? "NULL" : columns[i]!.writer.text(value))));
        return "";
      },
      tail: () =>
        columnsText(
          columns.map((column) => column.name),
          rows,
          columns.map((column) => /INT|DECIMAL|DOUBLE|FLOAT/.test(column.type)),
        ),
    };
  },
};
