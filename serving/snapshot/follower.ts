/**
 * Follows the store: HEADs as they are replaced, versions as they appear; what it serves never goes
 * back and is never a mix.
 */
import type { StreamDefinition } from "../../shared/definition.ts";
import type { Duck } from "../../shared/duckdb/duck.ts";
import { isCode, messageOf, TidemarkError } from "../../shared/errors.ts";
import { pause } from "../../shared/pause.ts";
import { equals, follows, type Position } from "../../shared/position.ts";
import { reportDamage } from "../../shared/store/damage.ts";
import { type Trouble, troubleOf } from "../../shared/store/incidents.ts";
import type { VersionManifest } from "../../shared/store/layout.ts";
import { rejectDamaged } from "../../shared/store/rejections.ts";
import type { Store } from "../../shared/store/store.ts";
import { bestSnapshot, lostVersions, newerVersion, readVersion, versionNumbers } from "../../shared/store/versions.ts";
import { Loaded, type Served } from "./loaded.ts";

/**
 * What can go wrong on its own: the served delta, the newer version's delta, finding or loading a
 * newer version, one that is lost.
 */
type Source = "delta" | "next" | "version" | "lost";

interface Complaint {
  readonly line: string;
  readonly error: unknown;
}

/** Who may wait for a position at a time. */
const waitingMax = 1000;
/** How long a version that could not be loaded is left alone. */
const retryMs = 5000;
/** How often it looks whether a version was published that can't be read. */
const lostMs = 1000;
/** So long what is served may take to come to where a version that waits stood. */
const stalledMsMax = 1500;

/** Nothing is served before `open`; then always something, the newest that covers all that was served before. */
export class Follower {
  readonly #store: Store;
  readonly #duck: Duck;
  readonly #say: (line: string) => void;
  #current: Loaded | null = null;
  #next: Loaded | null = null;
  /** The version after the next one, where that one only waits. */
  #after: Loaded | null = null;
  #opening: Promise<void> | null = null;
  #waiting = new Set<() => void>();
  readonly #complaints = new Map<Source, Complaint>();
  #lostAt = Number.NEGATIVE_INFINITY;
  /** Where a version that waits stood, and when: what is served has to come there. */
  #mark: { readonly position: Position; readonly at: number } | null = null;
  #holdsBack: (next: VersionManifest) => boolean = () => false;
  #retryAt = 0;

  private constructor(store: Store, duck: Duck, say: (line: string) => void) {
    this.#store = store;
    this.#duck = duck;
    this.#say = say;
  }

  /** @throws SERVE_NOTHING when there is no version; STORE_CORRUPT when none can be loaded */
  static async open(store: Store, duck: Duck, say: (line: string) => void): Promise<Follower> {
    const follower = new Follower(store, duck, say);
    let failure: unknown = null;
    // the newest version's delta may be behind the one before: a server that starts must not go
    // back behind the last one
    const best = (await bestSnapshot(store).catch(() => null))?.manifest.number;
    const numbers = (await versionNumbers(store)).reverse().sort((a, b) => Number(b === best) - Number(a === best));
    for (const number of numbers) {
      try {
        follower.#current = await follower.#load(number);
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

  /** One look at the store. @returns true when what is served moved */
  async tick(): Promise<boolean> {
    const before = this.#current!;
    const stood = before.position;
    const told = before.telling;
    await this.#followQuietly(before);
    await this.#lookForVersion();
    if (this.#next) {
      await this.#followQuietly(this.#next);
      const ready = follows(this.#next.position, before.position);
      if (ready && (this.#after || !this.#waits(this.#next, before))) {
        this.#current = this.#next;
        this.#lostAt = Number.NEGATIVE_INFINITY;
        this.#proceed();
        before.close();
        this.#say(`serving version ${this.#current.manifest.number}`);
      } else if (!ready && this.#after) {
        this.#next.close();
        this.#proceed();
      }
    }
    const moved = this.#current !== before || !equals(stood, this.position) || told !== this.telling;
    if (moved) {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
    }
    return moved;
  }

  #proceed(): void {
    this.#next = this.#after;
    this.#after = null;
    this.#mark = null;
  }

  /**
   * Whether the next version, which could be served, waits a little more: not once what is served
   * does not come after it.
   */
  #waits(next: Loaded, served: Loaded): boolean {
    if (!this.#holdsBack(next.manifest)) return false;
    const now = performance.now();
    if (!this.#mark || follows(served.position, this.#mark.position)) this.#mark = { position: next.position, at: now };
    return now - this.#mark.at < stalledMsMax;
  }

  /** Looks until the signal; `everyMs` apart. */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const moved = await this.tick();
      if (!moved) await pause(everyMs, signal);
    }
  }

  pin(): Served {
    return this.#current!.pin();
  }

  /** The same of the version that is served next, while its delta catches up or it is held back. */
  pinNext(): Served | null {
    return this.#next?.pin() ?? null;
  }

  /**
   * Asked before a version is served that could be. What is served meanwhile is as exact; as soon
   * as it is not as new, nobody is asked any more.
   */
  holdBack(why: (next: VersionManifest) => boolean): void {
    this.#holdsBack = why;
  }

  get position(): Position {
    return this.#current!.position;
  }

  get manifest(): VersionManifest {
    return this.#current!.manifest;
  }

  /** The version that is served next, while its delta catches up. */
  get upcoming(): VersionManifest | null {
    return this.#next?.manifest ?? null;
  }

  /** See Served.telling. */
  get telling(): string {
    return this.#current!.telling;
  }

  get streams(): readonly StreamDefinition[] {
    return this.manifest.definition.streams;
  }

  /** Where partitions stand that a position leaves out. */
  get origin(): Position {
    return this.manifest.origin;
  }

  /**
   * Resolves when what is served covers `position` in the streams that it has; false when
   * `timeoutMs` passed before, or the signal aborted.
   * @throws SERVE_BUSY
   */
  async covers(position: Position, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const until = performance.now() + timeoutMs;
    while (!follows(this.position, position)) {
      const left = until - performance.now();
      if (left <= 0 || signal?.aborted) return false;
      if (this.#waiting.size >= waitingMax)
        throw new TidemarkError("SERVE_BUSY", `${waitingMax} wait for a position already`, "try again later");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, left);
        const waiting = this.#waiting;
        function done() {
          clearTimeout(timer);
          waiting.delete(done);
          signal?.removeEventListener("abort", done);
          resolve();
        }
        waiting.add(done);
        signal?.addEventListener("abort", done, { once: true });
      });
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#opening;
  }

  /** A version loads beside what is served; its own session keeps the queries and the old version's HEADs flowing. */
  async #lookForVersion(): Promise<void> {
    const { number } = (this.#after ?? this.#next ?? this.#current)!.manifest;
    if (this.#opening || performance.now() < this.#retryAt) return;
    try {
      await this.#lookForLost();
      const newest = await newerVersion(this.#store, number);
      if (!newest) return this.#content("version");
      this.#opening = this.#openNext(newest.number).finally(() => {
        this.#opening = null;
      });
    } catch (error) {
      this.#complain("version", `the newest version can't be read: ${messageOf(error)}`, error);
    }
  }

  /**
   * What is served may lie behind a version that can't be read any more, unless it is that one
   * itself or a later one.
   */
  async #lookForLost(): Promise<void> {
    if (performance.now() - this.#lostAt < lostMs) return;
    this.#lostAt = performance.now();
    const { number, cause } = this.#current!.manifest;
    const lost = (await lostVersions(this.#store)).filter((each) => each.number > number || cause === "origin");
    const first = lost.find((each) => each.number !== number);
    if (!first) return this.#content("lost");
    this.#complain(
      "lost",
      `version ${first.number} was published and can't be read: ${first.why}; what is served may lie behind what was served before`,
    );
  }

  async #openNext(number: number): Promise<void> {
    try {
      const loaded = await this.#load(number);
      const [damage] = loaded.damaged.values();
      if (damage) {
        // what is served has answers for all views: it stays, until the damaged one is made again
        loaded.close();
        throw damage;
      }
      // one that can be served is served first: the writer of what is served now goes with the newest version
      if (this.#next && follows(this.#next.position, this.#current!.position)) {
        this.#after?.close();
        this.#after = loaded;
      } else {
        this.#next?.close();
        this.#next = loaded;
        this.#mark = null;
      }
      this.#content("version");
    } catch (error) {
      this.#retryAt = performance.now() + retryMs;
      this.#complain("version", `version ${number} can't be served: ${messageOf(error)}`, error);
    }
  }

  async #load(number: number): Promise<Loaded> {
    const manifest = await readVersion(this.#store, number);
    const loaded = new Loaded(this.#store, await this.#duck.session(manifest.definition.timezone), manifest);
    try {
      await loaded.open();
      for (const [view, error] of loaded.damaged) await this.#reportVersion(manifest, view, error);
      return loaded;
    } catch (error) {
      loaded.close();
      throw error;
    }
  }

  /** A delta that can't be read is said once; the last good snapshot stays served. */
  async #followQuietly(loaded: Loaded): Promise<void> {
    const source = loaded === this.#current ? "delta" : "next";
    try {
      // a file that is gone may have been compacted away since its HEAD was read: the next HEAD names others
      await loaded.follow().catch((error: unknown) => {
        if (isCode(error, "STORE_MISSING")) return loaded.follow();
        throw error;
      });
      this.#content(source);
    } catch (error) {
      await this.#reportDelta(loaded.manifest, error).catch(() => undefined);
      const of = `the delta of version ${loaded.manifest.number}`;
      this.#complain(source, `${of} can't be followed: ${messageOf(error)}`, error);
    }
  }

  /** Batch hears of it, and makes the view again. */
  async #reportVersion(manifest: VersionManifest, view: string, error: TidemarkError): Promise<void> {
    this.#say(`view ${view} of version ${manifest.number} has no answer: ${error.message}`);
    const file = manifest.views[view]?.file?.name ?? "";
    const damage = { version: manifest.number, view, file, why: error.message };
    await reportDamage(this.#store, damage).catch(() => undefined);
  }

  /** Speed hears of it, and tells the delta again from there. What is missing may only have been replaced meanwhile. */
  async #reportDelta(manifest: VersionManifest, error: unknown): Promise<void> {
    if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING", "STORE_GAP")) return;
    await rejectDamaged(this.#store, manifest, error);
  }

  #complain(source: Source, line: string, error: unknown = null): void {
    if (this.#complaints.get(source)?.line !== line) this.#say(line);
    this.#complaints.set(source, { line, error });
  }

  #content(source: Source): void {
    this.#complaints.delete(source);
  }

  /** Why the last looks failed, or "". What single views suffer is theirs: see Served.views. */
  get complaint(): string {
    return [...this.#complaints.values()].map(({ line }) => line).join("; ");
  }

  /** The damaged files that it has met and that are part of its answers, or would be. */
  get damagedFiles(): ReadonlyMap<string, Trouble> {
    const found = new Map<string, Trouble>();
    for (const { error } of this.#complaints.values())
      if (isCode(error, "STORE_CORRUPT", "STORE_MISSING", "STORE_GAP") && error.facts.file)
        found.set(String(error.facts.file), troubleOf(error));
    for (const [view, error] of this.#current?.damaged ?? [])
      found.set(String(error.facts.file), { ...troubleOf(error), views: [view] });
    return found;
  }
}
