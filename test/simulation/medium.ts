/** What keeps the files of all simulated processes, and goes wrong itself. */
import type { Store } from "../../shared/store/store.ts";
import type { SimulatedProcess } from "./process.ts";

export interface Medium {
  /** A new process with a store of its own. */
  process(): Promise<{ readonly faults: SimulatedProcess; readonly store: Store }>;
  /** @returns how much came back otherwise than it was */
  powerCut(random: () => number): number;
  /** Files below a folder of the store, by names that `damage` takes. */
  files(folder: string): string[];
  /** One bit, the end, or all of a file goes bad, under this name alone. @returns how */
  damage(file: string, random: () => number): string;
}
