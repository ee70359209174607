/**
 * Which rows of a view changed between two positions: the groups that the entries in between touch,
 * as they are now.
 */
import { groupKeyNames } from "../../shared/compiler/partial-columns.ts";
import { partialColumns } from "../../shared/compiler/texts.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import type { Session } from "../../shared/duckdb/duck.ts";
import { covers, equals, ofShard, type Position } from "../../shared/position.ts";
import { partialsIn } from "../../shared/store/partials.ts";
import { relationOf } from "../../shared/store/relation.ts";
import type { FileRef, Store } from "../../shared/store/store.ts";
import type { Filter } from "../question/filters.ts";
import { keyColumns } from "../question/group-keys.ts";
import { rowsOfGroups } from "../question/group-rows.ts";
import type { KeyedRow } from "../question/keyed-rows.ts";
import { hidesGroups } from "../question/shown.ts";
import type { ServedVersion, ServedView } from "../snapshot/loaded.ts";

/** Of one event: a client had better read larger changes as rows of the view. */
const bytesMax = 4 << 20;

export interface ChangesRequest {
  readonly view: string;
  /** Changes up to here are known to the listener. */
  readonly since: Position;
  readonly filters: readonly Filter[];
  /** What the view's rows at `since` were derived from; null: not known. */
  readonly basis: RowsBasis | null;
}

export interface Changes {
  readonly rows: readonly KeyedRow[];
  /** JSON of the keys of groups that no longer have a row. */
  readonly removed: readonly string[];
  /** The same of groups that the view's SQL has no value for. */
  readonly failing: readonly string[];
}

/**
 * @returns the rows of groups that changed, and the groups that have no row (any more); null where
 * that can't be derived: `since` is before the version's cut, or too much changed
 * @throws STORE_MISSING, STORE_CORRUPT where an entry's file is gone or damaged: try again with a
 * newer snapshot
 */
export async function changedRows(
  store: Store,
  session: Session,
  served: ServedVersion,
  { view: name, since, filters, basis }: ChangesRequest,
): Promise<Changes | null> {
  if (!covers(since, served.manifest.cut)) return null;
  const view = served.views.get(name)!;
  const entries = served.heads.flatMap((head) => head.entries).filter((entry) => !covers(since, entry.upto));
  const files = entries.flatMap((entry) => entry.views[name]?.file ?? []);
  const [rows, removed, failing]: [KeyedRow[], string[], string[]] = [[], [], []];
  if (files.length === 0) return { rows, removed, failing };
  const keys = groupKeyNames(view.definition).join(", ") || "1 AS one";
  const touched = `SELECT DISTINCT ${keys} FROM ${await relationOf(store, files)}`;
  // a lower bound, before all groups are merged; with a filter, few rows may be left
  const groups = Number(await session.value(`SELECT count(*) FROM (${touched})`));
  if (filters.length === 0 && groups * leastBytes(view.definition) > bytesMax) return null;
  let bytes = 0;
  for await (const some of rowsOfGroups(session, view, touched, filters)) {
    for (const [key, row] of some) {
      bytes += (row ?? key).length;
      if (typeof row === "string") rows.push({ key, row });
      else (row === null ? removed : failing).push(key);
    }
    if (bytes > bytesMax) return null;
  }
  if (removed.length === 0 || !hidesGroups(view.definition)) return { rows, removed, failing };
  // a group without a row before and now is hidden, and must not be reported
  const before = await partialsAt(store, served, view, since, basis);
  if (before === null) return null;
  const shown = new Set<string>();
  for await (const some of rowsOfGroups(session, view, touched, filters, before))
    for (const [key, row] of some) if (row !== null) shown.add(key);
  return { rows, removed: removed.filter((key) => shown.has(key)), failing };
}

/** The least bytes of a row's JSON, or of its keys' JSON. */
function leastBytes(view: ViewDefinition): number {
  return keyColumns(view).reduce((sum, { name }) => sum + name.length + 4, 2);
}

/** What a view's rows were derived from, which the tables still hold as long as they are the same. */
export interface RowsBasis {
  readonly position: Position;
  readonly base: string;
  readonly delta: string;
  readonly upto: number;
}

export function basisOf({ views, position }: ServedVersion, name: string): RowsBasis | null {
  const view = views.get(name);
  return view ? { position, base: view.base, delta: view.delta, upto: view.upto } : null;
}

/** A SELECT of a view's partial rows at a position; null where no entries end there. */
async function partialsAt(
  store: Store,
  { heads, manifest }: ServedVersion,
  { definition, base, delta }: ServedView,
  since: Position,
  basis: RowsBasis | null,
): Promise<string | null> {
  const columns = partialColumns(definition);
  const ofBase = `SELECT ${columns} FROM ${base}`;
  if (basis && equals(basis.position, since) && basis.base === base && basis.delta === delta)
    return `${ofBase} UNION ALL SELECT ${columns} FROM ${delta} WHERE __stretch < ${basis.upto}`;
  const { shards } = manifest.definition;
  const files: FileRef[] = [];
  for (const head of heads) {
    const below = head.entries.filter((entry) => covers(since, entry.upto));
    const end = below.at(-1)?.upto ?? ofShard(manifest.cut, head.shard, shards);
    if (!equals(end, ofShard(since, head.shard, shards))) return null;
    files.push(...below.flatMap((entry) => entry.views[definition.name]?.file ?? []));
  }
  return `${ofBase} UNION ALL ${await partialsIn(store, definition, files)}`;
}
