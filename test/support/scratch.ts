import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Store } from "../../shared/store/store.ts";

/** What this process has in its scratch folder now, but for the file that says whose it is. */
export function scratchOf(store: Store): string[] {
  return readdirSync(dirname(store.scratch("any"))).filter((name) => name !== "OWNER" && name !== "fetched");
}
