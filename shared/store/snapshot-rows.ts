/** A view of a pinned snapshot as SQL straight over its files, each checked first: for a single query. */
import { rowsOf } from "../compiler/texts.ts";
import type { ViewDefinition } from "../definition.ts";
import { partialsIn, snapshotFiles } from "./partials.ts";
import type { Store } from "./store.ts";
import type { Snapshot } from "./versions.ts";

/** A SELECT of the view's rows. @throws STORE_CORRUPT, STORE_MISSING */
export async function checkedRows(store: Store, snapshot: Snapshot, view: ViewDefinition): Promise<string> {
  return rowsOf(view, await checkedPartials(store, snapshot, view));
}

/** A SELECT of the view's partial rows, of batch and speed alike. @throws STORE_CORRUPT, STORE_MISSING */
export async function checkedPartials(store: Store, snapshot: Snapshot, view: ViewDefinition): Promise<string> {
  return partialsIn(store, view, snapshotFiles(snapshot, view.name));
}
