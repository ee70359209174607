import { readdirSync } from "node:fs";
import { layout } from "../../shared/store/layout.ts";
import type { Store } from "../../shared/store/store.ts";

/** What this process has in its scratch folder now, but for the file that says whose it is. */
export function scratchOf(store: Store): string[] {
  return readdirSync(store.path(layout.scratchOf(store.owner))).filter((name) => name !== "OWNER");
}
