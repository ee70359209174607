/**
 * Why a number is what it is: the row's share from batch and from speed, and the files that it is
 * derived from.
 */
import { partialColumns, rowsOf } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import type { Param, Session } from "../../shared/duckdb/duck.ts";
import { isGoneUnknown, isOfValues } from "../../shared/health/failing-groups.ts";
import { saidWithoutValues } from "../../shared/health/said.ts";
import { formatPosition } from "../../shared/position.ts";
import { entryFiles, versionFiles } from "../../shared/store/partials.ts";
import { relationOf } from "../../shared/store/relation.ts";
import type { FileRef, Store } from "../../shared/store/store.ts";
import { hidesGroups } from "../question/shown.ts";
import { jsonRow } from "../rows/json.ts";
import { fewRows } from "../rows/rows.ts";
import type { ServedVersion } from "../snapshot/loaded.ts";
import { groupCondition, type ViewGroup } from "./group.ts";

/** JSON texts of rows; null: none. */
export interface Shares {
  /** The row as it is answered. */
  readonly row: string | null;
  /** The row as the version's partials alone would give it, and as the delta's would. */
  readonly batch: string | null;
  readonly speed: string | null;
  /** Which of them the view's SQL has no value for, and what it says. */
  readonly failed: Readonly<Partial<Record<"row" | "batch" | "speed", string>>>;
}

export interface EntryShare {
  readonly from: string;
  readonly upto: string;
  readonly events: number;
  readonly file: FileRef;
}

export interface RowExplanation {
  /** The view does not show the group. */
  readonly hidden: boolean;
  readonly shares: Shares;
  readonly batch: { readonly upto: string; readonly files: readonly FileRef[] };
  /** The entries that touch the group. */
  readonly speed: readonly EntryShare[];
}

/** @throws STORE_MISSING, STORE_CORRUPT where an entry's file is gone or damaged */
export async function explainRow(
  store: Store,
  session: Session,
  served: ServedVersion,
  group: ViewGroup,
): Promise<RowExplanation> {
  const { view } = group;
  const { base, delta, upto } = served.views.get(view.name)!;
  const columns = partialColumns(view);
  const from = (table: string, params: Param[], more = "") =>
    `SELECT ${columns} FROM ${table} WHERE ${groupCondition(group, params)}${more}`;
  const failed: Partial<Record<"row" | "batch" | "speed", string>> = {};
  const rowOf = async (share: keyof typeof failed, ...tables: readonly ((params: Param[]) => string)[]) => {
    const params: Param[] = [];
    const partials = tables.map((table) => table(params)).join(" UNION ALL ");
    // a view without keys has a row even without partials
    const any = view.global ? await session.value(`SELECT count(*) FROM (${partials})`, params) : 1n;
    if (any === 0n) return null;
    try {
      const { columns: shown, rows } = await fewRows(session, rowsOf(view, partials), params);
      return rows[0] ? jsonRow(shown, rows[0]) : null;
    } catch (error) {
      if (!isOfValues(error)) throw error;
      const says = saidWithoutValues(error);
      // in one layer alone more rows may go than come
      const isShare = share === "speed" && isGoneUnknown(says);
      failed[share] = isShare ? "more of its rows went than came since the version" : says;
      return null;
    }
  };
  const batch = (params: Param[]) => from(base, params);
  const speed = (params: Param[]) => from(delta, params, ` AND __stretch < ${upto}`);
  const row = await rowOf("row", batch, speed);
  // a hidden group must not be distinguishable from one that never existed
  const hidden = row === null && failed.row === undefined && hidesGroups(view);
  const shares = hidden
    ? { batch: null, speed: null }
    : { batch: await rowOf("batch", batch), speed: await rowOf("speed", speed) };
  return {
    hidden,
    shares: { row, ...shares, failed },
    batch: { upto: formatPosition(served.manifest.cut), files: versionFiles(served.manifest, view.name) },
    speed: hidden ? [] : await touching(store, session, served, view, group),
  };
}

async function touching(
  store: Store,
  session: Session,
  { heads }: ServedVersion,
  view: ViewDefinition,
  group: ViewGroup,
): Promise<EntryShare[]> {
  const found: EntryShare[] = [];
  for (const entry of heads.flatMap((head) => head.entries)) {
    for (const file of entryFiles([entry], view.name)) {
      const params: Param[] = [];
      const rows = `SELECT 1 FROM ${await relationOf(store, [file])} WHERE ${groupCondition(group, params)} LIMIT 1`;
      if ((await session.read(rows, params)).currentRowCount === 0) continue;
      found.push({ from: formatPosition(entry.from), upto: formatPosition(entry.upto), events: entry.events, file });
    }
  }
  return found;
}
