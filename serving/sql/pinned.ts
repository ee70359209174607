/** Files of the served snapshot, under names that stay valid while a child reads them. */
import { messageOf } from "../../shared/errors.ts";
import { layout } from "../../shared/store/layout.ts";
import { snapshotFiles } from "../../shared/store/partials.ts";
import { releasePins } from "../../shared/store/pin.ts";
import type { Store } from "../../shared/store/store.ts";
import type { ServedVersion } from "../snapshot/loaded.ts";
import { snapshotName } from "../snapshot/name.ts";
import type { ChildFile } from "./protocol.ts";

/** Its user disposes of it. */
export interface PinnedFiles extends Disposable {
  /** By view. */
  readonly files: ReadonlyMap<string, readonly ChildFile[]>;
}

interface PinSet {
  readonly key: string;
  readonly run: string;
  readonly files: Promise<PinnedFiles["files"]>;
  users: number;
}

/** The last pins are kept for the next query of the same snapshot and views. */
export class Pins {
  readonly #store: Store;
  readonly #say: (line: string) => void;
  #kept: PinSet | null = null;

  constructor(store: Store, say: (line: string) => void) {
    this.#store = store;
    this.#say = say;
  }

  /** @throws STORE_MISSING where compaction has replaced a file meanwhile: try again with a newer snapshot */
  async pin(served: ServedVersion, views: readonly string[]): Promise<PinnedFiles> {
    const key = JSON.stringify([snapshotName(served), views]);
    if (this.#kept?.key !== key) {
      const before = this.#kept;
      const run = this.#store.newRun();
      this.#kept = { key, run, files: this.#keep(served, views, run), users: 1 };
      if (before) this.#release(before);
    }
    const kept = this.#kept;
    kept.users++;
    try {
      const files = await kept.files;
      return { files, [Symbol.dispose]: () => this.#release(kept) };
    } catch (error) {
      if (this.#kept === kept) this.close();
      this.#release(kept);
      throw error;
    }
  }

  /** Releases the last pins. */
  close(): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept) this.#release(kept);
  }

  #release(kept: PinSet): void {
    if (--kept.users > 0) return;
    // pins that can't be deleted now are deleted by the next cleanup
    void kept.files
      .catch(() => undefined)
      .then(() => releasePins(this.#store, kept.run))
      .catch((error: unknown) => this.#say(`serve: can't release a query's pins yet: ${messageOf(error)}`));
  }

  async #keep(
    { manifest, heads, position }: ServedVersion,
    views: readonly string[],
    run: string,
  ): Promise<PinnedFiles["files"]> {
    const found = new Map<string, ChildFile[]>();
    for (const view of views) {
      const files: ChildFile[] = [];
      for (const file of snapshotFiles({ manifest, heads, position }, view)) {
        // a name that DuckDB can't resolve as a table, even if a client learns it
        const own = await this.#store.keep(file, `${layout.pin(run)}/${file.name.replaceAll(/[^\w-]/g, "_")}`);
        // the child checks the files itself
        const [opened] = await this.#store.open([own], new Set([own.name]));
        files.push({ ...opened!, name: file.name });
      }
      found.set(view, files);
    }
    return found;
  }
}
