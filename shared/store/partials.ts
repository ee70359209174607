/** Partial rows as SQL over checked files. */
import { noPartials, partialColumns } from "../compiler/texts.ts";
import type { ViewDefinition } from "../definition.ts";
import { quoteText, type Session } from "../duckdb/duck.ts";
import { isOfSql } from "../duckdb/of-sql.ts";
import { saidWithoutValues } from "../health/said.ts";
import type { Place } from "../position.ts";
import type { Entry, Head, VersionManifest, ViewFailure, ViewFile } from "./layout.ts";
import { relationIn } from "./relation.ts";
import type { FileRef, Store } from "./store.ts";
import type { Snapshot } from "./versions.ts";

/**
 * A SELECT of the partial rows in these files, which are checked first; an empty one where there are none.
 * @throws STORE_CORRUPT, STORE_MISSING
 */
export async function partialsIn(store: Store, view: ViewDefinition, files: readonly FileRef[]): Promise<string> {
  return partialsInFiles(view, await store.open(files));
}

/** As `partialsIn`, of files that were opened. */
export function partialsInFiles(view: ViewDefinition, files: readonly { readonly path: string }[]): string {
  return files.length === 0 ? noPartials(view) : `SELECT ${partialColumns(view)} FROM ${relationIn(files)}`;
}

/** A view's partials in a pinned snapshot, whose files were checked once they were pinned. */
export async function pinnedPartials(store: Store, view: ViewDefinition, pinned: Snapshot): Promise<string> {
  const files = snapshotFiles(pinned, view.name);
  return partialsInFiles(view, await store.open(files, new Set(files.map(({ name }) => name))));
}

/**
 * Writes partial rows, a SELECT, into a file of the store, each column in the type that the definition says:
 * what else DuckDB computes (a HUGEINT, say) Parquet would keep as something else again.
 * @throws what DuckDB throws; `isOfSql` says whether the view's SQL is at fault
 */
export async function writePartials(
  session: Session,
  store: Store,
  view: Pick<ViewDefinition, "keys" | "parts">,
  partials: string,
  name: string,
  options: { readonly durable: boolean },
): Promise<ViewFile> {
  const scratch = store.scratch("partials.parquet");
  const typed = [...view.keys, ...view.parts].map(({ name, type }) => `CAST(${name} AS ${type}) AS ${name}`);
  const select = `SELECT ${typed.join(", ") || "1 AS nothing"} FROM (${partials})`;
  const rows = Number(await session.value(`COPY (${select}) TO ${quoteText(scratch)} (FORMAT parquet)`));
  return { file: await store.publish(scratch, name, options), rows };
}

/** A view that its own SQL fails. @throws the error itself where something else is at fault */
export function failedView(error: unknown, at: Place | null): ViewFile {
  if (!isOfSql(error)) throw error;
  return { file: null, rows: 0, failed: { message: saidWithoutValues(error), at } };
}

/** The files of one view in a version. */
export function versionFiles(manifest: VersionManifest, view: string): FileRef[] {
  const file = manifest.views[view]?.file;
  return file ? [file] : [];
}

/** The files of one view in these entries. */
export function entryFiles(entries: readonly Entry[], view: string): FileRef[] {
  return entries.flatMap((entry) => entry.views[view]?.file ?? []);
}

/** The files of one view in a snapshot: the version's, then the delta's. */
export function snapshotFiles({ manifest, heads }: Snapshot, view: string): FileRef[] {
  return [...versionFiles(manifest, view), ...heads.flatMap((head) => entryFiles(head.entries, view))];
}

/** Every file of an entry, dead letters included. */
export function filesOf(entry: Entry): FileRef[] {
  const files = Object.values(entry.views).flatMap((each: ViewFile) => each.file ?? []);
  return entry.deadFile ? [...files, entry.deadFile] : files;
}

/** Why a view can't be answered from this snapshot, or null. */
export function failureOf(snapshot: Snapshot, view: string): ViewFailure | null {
  const batch = snapshot.manifest.views[view]?.failed;
  if (batch) return batch;
  for (const head of snapshot.heads) {
    const failed = firstFailure(head, view);
    if (failed) return failed;
  }
  return null;
}

function firstFailure(head: Head, view: string): ViewFailure | null {
  for (const entry of head.entries) {
    const failed = entry.views[view]?.failed;
    if (failed) return failed;
  }
  return null;
}
