/** Restores a damaged copy of a file that is kept twice from its other copy. */
import type { Store } from "../shared/store/store.ts";
import { type Flaw, flawsOf, mend, namesTwice } from "../shared/store/twice.ts";

/** @returns the damaged files that were restored; copies that were only missing are written without a report */
export async function mendAll(store: Store, say: (line: string) => void): Promise<string[]> {
  const mended: string[] = [];
  for (const name of await namesTwice(store, "all"))
    mended.push(...(await mendFlaws(store, name, await flawsOf(store, name), say)));
  return mended;
}

/** Restores one file whose flaws are known. */
export async function mendFlaws(
  store: Store,
  name: string,
  flaws: readonly Flaw[],
  say: (line: string) => void,
): Promise<string[]> {
  if (!flaws.some(({ mendable }) => mendable)) return [];
  const made = await mend(store, name);
  const mended = flaws.filter(({ file, damage }) => damage && made.includes(file));
  for (const { file, why } of mended) say(`${file} ${why}: restored from its other copy`);
  return mended.map(({ file }) => file);
}
