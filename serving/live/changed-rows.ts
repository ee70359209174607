/** Which rows of a view changed between two positions: the groups that the entries in between touch, as they are now. */
import { quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { covers, type Position } from "../../shared/position.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Filter } from "../filters.ts";
import { type GroupRows, groupKeys, rowsOfGroups } from "../groups.ts";
import type { Served } from "../loaded.ts";

/** More changed groups than this are not told one by one. */
const groupsMax = 10_000;

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
): Promise<GroupRows | null> {
  if (!covers(since, served.manifest.cut)) return null;
  const view = served.views.get(name)!;
  const entries = served.heads.flatMap((head) => head.entries).filter((entry) => !covers(since, entry.upto));
  const files = entries.flatMap((entry) => entry.views[name]?.file ?? []);
  if (files.length === 0) return { rows: new Map(), none: [], failing: [] };
  for (const file of files) await store.check(file);
  const keys = groupKeys(view.definition).join(", ") || "1 AS one";
  const paths = files.map((file) => quoteText(store.path(file.name)));
  const touched = `SELECT DISTINCT ${keys} FROM read_parquet([${paths.join(", ")}])`;
  if (Number(await session.value(`SELECT count(*) FROM (${touched})`)) > groupsMax) return null;
  return rowsOfGroups(session, view, touched, filters);
}
