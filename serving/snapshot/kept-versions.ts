import { isCode } from "../../shared/errors.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { Store } from "../../shared/store/store.ts";
import { readVersion, versionNumbers } from "../../shared/store/versions.ts";

/** The manifests of the kept versions, each read once, since they never change. */
export class KeptVersions {
  readonly #store: Store;
  #known = new Map<number, VersionManifest>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Oldest first; one that can't be read is left out. */
  async list(): Promise<VersionManifest[]> {
    const found = new Map<number, VersionManifest>();
    for (const number of await versionNumbers(this.#store)) {
      const manifest = this.#known.get(number) ?? (await this.#read(number));
      if (manifest) found.set(number, manifest);
    }
    this.#known = found;
    return [...found.values()];
  }

  async #read(number: number): Promise<VersionManifest | null> {
    try {
      return await readVersion(this.#store, number);
    } catch (error) {
      if (isCode(error, "STORE_CORRUPT", "STORE_MISSING")) return null;
      throw error;
    }
  }
}
