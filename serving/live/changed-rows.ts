/** Which rows of a view changed between two positions: the groups that the entries in between touch, as they are now. */
import type { ViewDefinition } from "../../shared/definition.ts";
import { quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { covers, type Position } from "../../shared/position.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Filter } from "../filters.ts";
import { groupKeys, keyColumns, rowsOfGroups } from "../groups.ts";
import type { Served } from "../loaded.ts";

/** Of what is told at once: more had better be read as rows of the view. */
const bytesMax = 4 << 20;

export interface Changes {
  /** JSON of rows. */
  readonly rows: readonly string[];
  /** JSON of the keys of groups that have none any more. */
  readonly removed: readonly string[];
  /** The same of groups that the view's SQL has no value for. */
  readonly failing: readonly string[];
}

/**
 * @param since what has been told up to
 * @returns the rows of groups that changed, and the groups that have none (any more); null where that can't be told: `since` lies before the
 *   version's cut, or too much changed
 * @throws STORE_MISSING, STORE_CORRUPT where an entry's file is gone or damaged: look again at the newer snapshot
 */
export async function changedRows(
  store: Store,
  session: Session,
  served: Served,
  name: string,
  since: Position,
  filters: readonly Filter[],
): Promise<Changes | null> {
  if (!covers(since, served.manifest.cut)) return null;
  const view = served.views.get(name)!;
  const entries = served.heads.flatMap((head) => head.entries).filter((entry) => !covers(since, entry.upto));
  const files = entries.flatMap((entry) => entry.views[name]?.file ?? []);
  const [rows, removed, failing]: [string[], string[], string[]] = [[], [], []];
  if (files.length === 0) return { rows, removed, failing };
  for (const file of files) await store.check(file);
  const keys = groupKeys(view.definition).join(", ") || "1 AS one";
  const paths = files.map((file) => quoteText(store.path(file.name)));
  const touched = `SELECT DISTINCT ${keys} FROM read_parquet([${paths.join(", ")}])`;
  // before all of them are merged; a filter may let few through
  const groups = Number(await session.value(`SELECT count(*) FROM (${touched})`));
  if (filters.length === 0 && groups * leastBytes(view.definition) > bytesMax) return null;
  let bytes = 0;
  for await (const some of rowsOfGroups(session, view, touched, filters)) {
    for (const [key, row] of some) {
      bytes += (row ?? key).length;
      if (typeof row === "string") rows.push(row);
      else (row === null ? removed : failing).push(key);
    }
    if (bytes > bytesMax) return null;
  }
  return { rows, removed, failing };
}

/** Of a row's JSON, or of its keys'. */
function leastBytes(view: ViewDefinition): number {
  return keyColumns(view).reduce((sum, { name }) => sum + name.length + 4, 2);
}
