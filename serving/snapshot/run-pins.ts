import { releasePins } from "../../shared/store/pin.ts";
import type { Store } from "../../shared/store/store.ts";

/** A name to pin files under; all pins under it are released at the end of the scope that holds it. */
export function runPins(store: Store): AsyncDisposable & { readonly run: string } {
  const run = store.newRun();
  return { run, [Symbol.asyncDispose]: () => releasePins(store, run) };
}
