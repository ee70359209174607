/**
 * Damage of the files that name all others, worded as incidents, for the roles that keep reading them.
 */
import type { Trouble } from "./incidents.ts";
import { layout } from "./layout.ts";
import type { Store } from "./store.ts";
import { type Flaw, flawsOf, namesTwice } from "./twice.ts";
import { lostVersions } from "./versions.ts";

/** A disk may damage a file without changing its tag: a file whose tag is unchanged is read again after this long. */
const againMs = 10 * 60 * 1000;

/** Polls the files; one whose tag has not changed since it was whole is not read. */
export class FileWatch {
  readonly #store: Store;
  #seen = new Map<string, string>();
  #flawed = new Map<string, readonly Flaw[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Flaws of the manifests of versions and reference tables, and of origins, by name. */
  async flaws(): Promise<ReadonlyMap<string, readonly Flaw[]>> {
    const seen = new Map<string, string>();
    const flawed = new Map<string, readonly Flaw[]>();
    for (const name of await namesTwice(this.#store, "often")) {
      const tags = [await this.#store.tag(name), await this.#store.tag(layout.copy(name))];
      const state = JSON.stringify([...tags, Math.floor(performance.now() / againMs)]);
      const found = this.#seen.get(name) === state ? this.#flawed.get(name) : await flawsOf(this.#store, name);
      seen.set(name, state);
      if (found && found.length > 0) flawed.set(name, found);
    }
    this.#seen = seen;
    this.#flawed = flawed;
    return flawed;
  }
}

/**
 * Every damaged file and every lost version, by file. A copy that is only missing is not reported: an earlier
 * release made none.
 */
export async function fileTroubles(
  store: Store,
  flaws: ReadonlyMap<string, readonly Flaw[]>,
): Promise<Map<string, Trouble>> {
  const found = new Map<string, Trouble>();
  const report = (file: string, message: string) => found.set(file, { code: "STORE_CORRUPT", message });
  for (const [name, each] of flaws) {
    for (const { file, why, mendable, damage } of each.filter((one) => one.damage)) {
      const other = file === name ? "its copy is read" : "the file that it is a copy of is whole";
      if (mendable) report(file, `${file} ${why}; ${other}, and batch restores it: tidemark repair`);
      else if (damage && file === name) report(file, `${file} ${why}, and so is its copy; restore it from a backup`);
    }
  }
  for (const { number, file, why } of await lostVersions(store))
    report(
      file,
      `version ${number} was published and can't be read: ${why}; answers may be behind those given before, until ` +
        "batch has made a new version, which it does at once: tidemark batch --once",
    );
  return found;
}

/** All there is now, the archive's too, as lines for a person. */
export async function damagedFiles(store: Store, which: "often" | "all" = "often"): Promise<string[]> {
  const flaws = new Map<string, readonly Flaw[]>();
  for (const name of await namesTwice(store, which)) flaws.set(name, await flawsOf(store, name));
  return [...(await fileTroubles(store, flaws)).values()].map(({ message }) => message);
}
