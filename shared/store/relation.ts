/** Files of the store as relations: the one place that says how DuckDB reads them. */
import { quoteText } from "../duckdb/duck.ts";
import type { FileRef, Store } from "./store.ts";

/** Of files that were opened: one at least. */
export function relationIn(files: readonly { readonly path: string }[]): string {
  return `read_parquet([${files.map(({ path }) => quoteText(path)).join(", ")}])`;
}

/** @param files one at least @param checked as of `Store.open`. @throws STORE_MISSING, STORE_CORRUPT */
export async function relationOf(store: Store, files: readonly FileRef[], checked?: Set<string>): Promise<string> {
  return relationIn(await store.open(files, checked));
}
