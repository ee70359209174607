/**
 * Follows the store: HEADs as they are replaced, versions as they appear. The served position never goes back, and a
 * snapshot is never a mix of versions.
 */
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Duck } from "../../shared/duckdb/duck.ts";
import { isCode, messageOf, TidemarkError } from "../../shared/errors.ts";
import { equals, follows, type Position } from "../../shared/position.ts";
import { type Trouble, troubleOf } from "../../shared/store/incidents.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { rejectDamaged } from "../../shared/store/rejections.ts";
import type { Store } from "../../shared/store/store.ts";
import { bestSnapshot, versionNumbers } from "../../shared/store/versions.ts";
import { Complaints } from "./complaints.ts";
import type { LoadedVersion, ServedVersion } from "./loaded.ts";
import { Moves } from "./moves.ts";
import { type LoaderOptions, VersionLoader } from "./version-loader.ts";

/** How long the served version may take to reach the position that the offered version had. */
const stalledMsMax = 1500;

interface Next {
  readonly version: LoadedVersion;
  /**
   * Its position at a moment of being offered, which the served version has to reach: else it stalls. Null: it was not
   * offered yet.
   */
  readonly mark: { readonly position: Position; readonly at: number } | null;
}

type State =
  | { readonly name: "following"; readonly served: LoadedVersion }
  | { readonly name: "catching up"; readonly served: LoadedVersion; readonly next: Next }
  | {
      readonly name: "offering";
      readonly served: LoadedVersion;
      readonly next: Next;
      readonly after: LoadedVersion | null;
    };

/**
 * Always serves one version, and moves from it to the next. It is in one of these states:
 *
 * following: only the served version is loaded. Each poll reads what was added to its delta, and checks for a newer
 * version.
 *
 * catching up: a newer version is loaded, and its delta does not cover the served position yet, so serving it would
 * move answers back. Each poll follows both deltas. An even newer version replaces it.
 *
 * offering: the next version covers the served position, and is served as soon as it is accepted. Until then the read
 * models prepare for it, and the served version is just as exact. It is accepted automatically where waiting would
 * cost: the served version stalls, since its writer has moved on to the newest version; or a version after the next is
 * loaded. A next version that falls behind again is caught up with, or discarded for the one after it.
 */
export class Follower {
  readonly #options: LoaderOptions;
  readonly #loader: VersionLoader;
  readonly #moves = new Moves();
  #state: State;

  private constructor(options: LoaderOptions, loader: VersionLoader, served: LoadedVersion) {
    this.#options = options;
    this.#loader = loader;
    this.#state = { name: "following", served };
  }

  /**
   * @param clock monotonic, ms
   * @throws SERVE_NOTHING when there is no version; STORE_CORRUPT when none can be loaded
   */
  static async open(
    store: Store,
    duck: Duck,
    say: (line: string) => void,
    clock = () => performance.now(),
  ): Promise<Follower> {
    const options = { store, duck, say, complaints: new Complaints(say), clock };
    const loader = new VersionLoader(options);
    let failure: unknown = null;
    // the newest version's delta may be behind that of the version before: a server that restarts must not answer
    // at an earlier position than the server before it
    const best = (await bestSnapshot(store).catch(() => null))?.manifest.number;
    const numbers = (await versionNumbers(store)).reverse().sort((a, b) => Number(b === best) - Number(a === best));
    for (const number of numbers) {
      try {
        const follower = new Follower(options, loader, await loader.load(number));
        await follower.tick();
        return follower;
      } catch (error) {
        failure ??= error;
        say(`version ${number} can't be served: ${messageOf(error)}`);
      }
    }
    throw (
      failure ??
      new TidemarkError(
        "SERVE_NOTHING",
        `the data folder ${store.root} holds no version yet`,
        "start speed, batch or dev first",
      )
    );
  }

  /** Polls the store once, and accepts an offered version. @returns true when what is served has moved */
  async tick(): Promise<boolean> {
    const moved = await this.poll();
    return this.accept() || moved;
  }

  /** Polls the store once. @returns true when what is served has moved */
  async poll(): Promise<boolean> {
    const { served } = this.#state;
    const { position, derivation } = served;
    const loaded = await this.#loader.poll(served.manifest, this.#newest.manifest.number);
    if (loaded) this.#take(loaded);
    await this.#follow(served, "delta");
    if (this.#state.name !== "following") await this.#followNext(this.#state);
    const moved = this.#state.served !== served || !equals(position, this.position) || derivation !== this.derivation;
    if (moved) this.#moves.moved();
    return moved;
  }

  /** The version that could be served now; see `accept`. */
  get offered(): VersionManifest | null {
    return this.#state.name === "offering" ? this.#state.next.version.manifest : null;
  }

  /** Serves the offered version. @returns false where there is none */
  accept(): boolean {
    if (this.#state.name !== "offering") return false;
    this.#proceed(this.#state);
    this.#moves.moved();
    return true;
  }

  pin(): ServedVersion {
    return this.#state.served.pin();
  }

  /** Pins the version that is served next. */
  pinNext(): ServedVersion | null {
    return this.#state.name === "following" ? null : this.#state.next.version.pin();
  }

  get position(): Position {
    return this.#state.served.position;
  }

  get manifest(): VersionManifest {
    return this.#state.served.manifest;
  }

  /** The version that is served next, while its delta catches up or it is offered. */
  get upcoming(): VersionManifest | null {
    return this.#state.name === "following" ? null : this.#state.next.version.manifest;
  }

  /** See ServedVersion.derivation. */
  get derivation(): string {
    return this.#state.served.derivation;
  }

  get streams(): readonly StreamDefinition[] {
    return this.manifest.definition.streams;
  }

  /** The first offsets of partitions that a position leaves out. */
  get origin(): Position {
    return this.manifest.origin;
  }

  /**
   * Resolves when what is served covers `position` in the streams that it has; false when `timeoutMs` passed before, or
   * the signal aborted.
   * @throws SERVE_BUSY
   */
  async covers(position: Position, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const until = this.#options.clock() + timeoutMs;
    while (!follows(this.position, position)) {
      const left = until - this.#options.clock();
      if (left <= 0 || signal?.aborted) return false;
      await this.#moves.next(left, signal);
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#loader.close();
  }

  get #newest(): LoadedVersion {
    const state = this.#state;
    if (state.name === "following") return state.served;
    return (state.name === "offering" ? state.after : null) ?? state.next.version;
  }

  /** An offered version is still served before a newer one: the served version's writer moves to the newest. */
  #take(loaded: LoadedVersion): void {
    const state = this.#state;
    if (state.name === "offering") {
      state.after?.close();
      this.#state = { ...state, after: loaded };
      return;
    }
    if (state.name === "catching up") this.#discard(state.next);
    this.#state = { name: "catching up", served: state.served, next: { version: loaded, mark: null } };
  }

  async #followNext(state: Exclude<State, { readonly name: "following" }>): Promise<void> {
    const { served, next } = state;
    const after = state.name === "offering" ? state.after : null;
    await this.#follow(next.version, "next");
    const ready = follows(next.version.position, served.position);
    if (ready) {
      const mark = this.#markOf(next, served);
      const offering = { name: "offering" as const, served, next: { ...next, mark }, after };
      this.#state = offering;
      if (after || this.#options.clock() - mark.at >= stalledMsMax) this.#proceed(offering);
      return;
    }
    if (after) this.#discard(next);
    this.#state = { name: "catching up", served, next: after ? { version: after, mark: null } : next };
  }

  #markOf({ version, mark }: Next, served: LoadedVersion): NonNullable<Next["mark"]> {
    if (mark && !follows(served.position, mark.position)) return mark;
    return { position: version.position, at: this.#options.clock() };
  }

  #proceed({ served, next, after }: Extract<State, { readonly name: "offering" }>): void {
    const { version } = next;
    this.#state = after
      ? { name: "catching up", served: version, next: { version: after, mark: null } }
      : { name: "following", served: version };
    this.#options.complaints.clear("next");
    served.close();
    this.#options.say(`serving version ${version.manifest.number}`);
  }

  #discard({ version }: Next): void {
    this.#options.complaints.clear("next");
    version.close();
  }

  /** A delta that can't be read is logged once; the last good snapshot stays served. */
  async #follow(loaded: LoadedVersion, which: "delta" | "next"): Promise<void> {
    try {
      // a missing file may have been compacted since its HEAD was read: the next HEAD names others
      await loaded.follow().catch((error: unknown) => {
        if (isCode(error, "STORE_MISSING")) return loaded.follow();
        throw error;
      });
      this.#options.complaints.clear(which);
    } catch (error) {
      await this.#reject(loaded.manifest, error).catch(() => undefined);
      const of = `the delta of version ${loaded.manifest.number}`;
      this.#options.complaints.set(which, `${of} can't be followed: ${messageOf(error)}`, error);
    }
  }

  /**
   * Reports damage, so that speed rewrites the delta from there; a missing file may only have been replaced
   * meanwhile.
   */
  async #reject(manifest: VersionManifest, error: unknown): Promise<void> {
    if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING", "STORE_GAP")) return;
    await rejectDamaged(this.#options.store, manifest, error);
  }

  /** Why the last polls failed, or "". Failures of single views are in ServedVersion.views. */
  get complaint(): string {
    return this.#options.complaints.text;
  }

  /** The damaged files that it has found among those that its answers need. */
  get damagedFiles(): ReadonlyMap<string, Trouble> {
    const found = new Map<string, Trouble>();
    for (const error of this.#options.complaints.errors)
      if (isCode(error, "STORE_CORRUPT", "STORE_MISSING", "STORE_GAP") && error.facts.file)
        found.set(String(error.facts.file), troubleOf(error));
    for (const [view, error] of this.#state.served.damaged)
      found.set(String(error.facts.file), { ...troubleOf(error), views: [view] });
    return found;
  }
}
