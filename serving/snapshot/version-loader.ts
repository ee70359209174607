import type { Duck } from "../../shared/duckdb/duck.ts";
import { messageOf, type TidemarkError } from "../../shared/errors.ts";
import { reportDamage } from "../../shared/store/damage.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import type { Store } from "../../shared/store/store.ts";
import { lostVersions, newerVersion, readVersion } from "../../shared/store/versions.ts";
import type { Complaints } from "./complaints.ts";
import { LoadedVersion } from "./loaded.ts";

/** How long to wait before a version that could not be loaded is tried again. */
const retryMs = 5000;
/** How often the store is searched for a version that was published and can't be read. */
const lostMs = 1000;

export interface LoaderOptions {
  readonly store: Store;
  readonly duck: Duck;
  readonly say: (line: string) => void;
  readonly complaints: Complaints;
  /** Monotonic, ms. */
  readonly clock: () => number;
}

type State =
  | { readonly name: "idle" }
  | { readonly name: "loading"; readonly over: Promise<void> }
  | { readonly name: "loaded"; readonly version: LoadedVersion }
  | { readonly name: "resting"; readonly until: number };

/**
 * Finds newer versions, and loads one beside the served version, in a session of its own, so that queries and the
 * served delta are not held up. It is in one of these states:
 *
 * idle: each poll checks the store for a newer version.
 *
 * loading: a version's files are read into tables.
 *
 * loaded: the next poll returns the version.
 *
 * resting: the last version could not be loaded; polls pause for a while.
 */
export class VersionLoader {
  readonly #options: LoaderOptions;
  #state: State = { name: "idle" };
  /** When lost versions were last searched for, and which version was served then. */
  #searched: { readonly served: number; readonly at: number } | null = null;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /**
   * @param known the newest version that is loaded already
   * @returns a version after it, once it is loaded
   */
  async poll(served: VersionManifest, known: number): Promise<LoadedVersion | null> {
    const { store, complaints, clock } = this.#options;
    if (this.#state.name === "loaded") {
      const { version } = this.#state;
      this.#state = { name: "idle" };
      return version;
    }
    if (this.#state.name === "loading") return null;
    if (this.#state.name === "resting" && clock() < this.#state.until) return null;
    try {
      await this.#searchLost(served);
      const newest = await newerVersion(store, known);
      if (newest) this.#state = { name: "loading", over: this.#loadBeside(newest.number) };
      else complaints.clear("version");
    } catch (error) {
      complaints.set("version", `the newest version can't be read: ${messageOf(error)}`, error);
    }
    return null;
  }

  /** A view whose file is damaged has no answer; it is reported, so that batch rebuilds it. @throws STORE_* */
  async load(number: number): Promise<LoadedVersion> {
    const { store, duck } = this.#options;
    const manifest = await readVersion(store, number);
    const loaded = new LoadedVersion(store, await duck.session(manifest.definition.timezone), manifest);
    try {
      await loaded.open();
      for (const [view, error] of loaded.damaged) await this.#report(manifest, view, error);
      return loaded;
    } catch (error) {
      loaded.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#state.name === "loading") await this.#state.over;
  }

  async #loadBeside(number: number): Promise<void> {
    const { complaints, clock } = this.#options;
    try {
      const version = await this.load(number);
      const [damage] = version.damaged.values();
      if (damage) {
        // the served version answers all views: it stays until the damaged file is rebuilt
        version.close();
        throw damage;
      }
      this.#state = { name: "loaded", version };
      complaints.clear("version");
    } catch (error) {
      this.#state = { name: "resting", until: clock() + retryMs };
      complaints.set("version", `version ${number} can't be served: ${messageOf(error)}`, error);
    }
  }

  /**
   * Answers may go back if a version was published that can't be read any more, unless the served version is that one
   * or a later one.
   */
  async #searchLost({ number, cause }: VersionManifest): Promise<void> {
    const { store, complaints, clock } = this.#options;
    const recent = this.#searched?.served === number && clock() - this.#searched.at < lostMs;
    if (recent) return;
    this.#searched = { served: number, at: clock() };
    const lost = (await lostVersions(store)).filter((each) => each.number > number || cause === "origin");
    const first = lost.find((each) => each.number !== number);
    if (!first) return complaints.clear("lost");
    const behind = "answers may be older than they were before";
    complaints.set("lost", `version ${first.number} was published and can't be read: ${first.why}; ${behind}`);
  }

  async #report(manifest: VersionManifest, view: string, error: TidemarkError): Promise<void> {
    const { store, say } = this.#options;
    say(`view ${view} of version ${manifest.number} has no answer: ${error.message}`);
    const file = manifest.views[view]?.file?.name ?? "";
    const damage = { version: manifest.number, view, file, why: error.message };
    await reportDamage(store, damage).catch(() => undefined);
  }
}
