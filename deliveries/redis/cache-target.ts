/** Keys of a Redis or Valkey that are kept equal to a view's rows, or removed where a row changes. */
import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import type { KeyedRow } from "../../serving/question/keyed-rows.ts";
import type { ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { CacheTarget } from "../../shared/project/consumers.ts";
import { batches } from "../batches.ts";
import { type Filling, type Stated, silentMsMax, type Target, type TargetVerdict, unfilled } from "../target.ts";
import { Fingerprints, fingerprintIn, suffixOf, textOf } from "./keys.ts";
import {
  beginScript,
  copyScript,
  freeScript,
  putScript,
  readScript,
  releaseScript,
  stateScript,
  sweepScript,
  takeScript,
} from "./scripts.ts";

/** Of keys that differ, this many are named. */
const namedMax = 20;
const connectMsMax = 10_000;
const scanCount = 1000;
/** Letters of a mark, and the space after it. */
const markLength = 8;

interface CacheOptions {
  /** The consumer's name, for messages. */
  readonly name: string;
  /** The project's and the consumer's. */
  readonly owner: string;
  readonly to: CacheTarget;
}

type Client = ReturnType<typeof clientFor>;

function clientFor(url: string) {
  return createClient({
    url,
    // what is under way fails, and is begun again from what the cache states
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false, connectTimeout: connectMsMax },
  });
}

export class RedisCacheTarget implements Target {
  readonly #options: CacheOptions;
  readonly #client: Client;
  readonly #state: string;
  readonly #prints: string;
  readonly #copy: string;
  #writer = "";
  #fingerprints = new Fingerprints({ columns: [], tolerance: 0 });
  /** Other rows than the configuration says are there. */
  #otherKeep = false;

  private constructor(options: CacheOptions, client: Client) {
    this.#options = options;
    this.#client = client;
    const { prefix } = options.to;
    // no row's key is like these
    this.#state = `${prefix}%state`;
    this.#prints = `${prefix}%rows`;
    this.#copy = `${prefix}%verified`;
  }

  /** @throws CACHE_UNREACHABLE, CACHE_FAILED */
  static async open(options: CacheOptions): Promise<RedisCacheTarget> {
    let client: Client;
    try {
      client = clientFor(options.to.url());
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      // its message has the address
      throw new TidemarkError(
        "CACHE_FAILED",
        `consumer ${options.name}: the cache's address is not one`,
        "write redis://user:password@host:port",
      );
    }
    // what is under way says it
    client.on("error", () => undefined);
    const target = new RedisCacheTarget(options, client);
    await target.#asked(() => client.connect());
    return target;
  }

  async take(view: ViewDefinition): Promise<Stated> {
    const { owner, to, name } = this.#options;
    this.#writer = randomUUID();
    this.#fingerprints = new Fingerprints(view);
    const [outcome, first, identity, keep] = (await this.#run(takeScript, [], [this.#writer, owner])) as string[];
    if (outcome === "other")
      throw new TidemarkError(
        "CONSUMER_TARGET",
        `consumer ${name}: prefix ${JSON.stringify(to.prefix)} is that of consumer ${first}`,
        "name another prefix",
      );
    this.#otherKeep = keep !== to.keep;
    if (!first || this.#otherKeep) return { position: null, identity: null };
    return { position: first, identity: identity || null };
  }

  async apply(rows: readonly KeyedRow[], removed: readonly string[], position: string): Promise<void> {
    const gone = removed.map((key) => ({ suffix: suffixOf(key), print: "", row: "" }));
    await this.#put([...gone, ...rows.map((each) => this.#item(each))], "--------", "", position);
  }

  async fill({ view, rows }: Filling, { position, identity }: { position: string; identity: string }): Promise<void> {
    this.#fingerprints = new Fingerprints(view);
    // until all is done it states no position
    await this.#change(beginScript, [], [this.#writer]);
    const mark = randomUUID().slice(0, markLength);
    const force = this.#otherKeep ? "force" : "";
    for await (const chunk of rows)
      for (const some of batches(chunk, (each) => each.row.length))
        await this.#put(
          some.map((each) => this.#item(each)),
          mark,
          force,
          "",
        );
    for await (const suffixes of this.#suffixes(this.#prints)) {
      const keys = suffixes.map((suffix) => this.#keyOf(suffix));
      await this.#change(sweepScript, keys, [this.#writer, mark, ...suffixes]);
    }
    const { keep } = this.#options.to;
    const state = ["position", position, "identity", identity, "keep", keep];
    await this.#change(stateScript, [], [this.#writer, ...state]);
    this.#otherKeep = false;
  }

  async beat(position: string): Promise<void> {
    await this.#change(stateScript, [], [this.#writer, "position", position]);
  }

  async isFree(): Promise<boolean> {
    return (await this.#run(freeScript, [], [String(silentMsMax)])) === "free";
  }

  async forget(): Promise<void> {
    await this.#asked(() => this.#client.hDel(this.#state, ["writer", "position", "identity", "keep"]));
  }

  async stated(): Promise<Stated> {
    const [position, identity] = await this.#asked(() => this.#client.hmGet(this.#state, ["position", "identity"]));
    return { position: position ?? null, identity: identity ?? null };
  }

  async compare(filled: (position: string) => Promise<Filling>): Promise<TargetVerdict> {
    const position = String(await this.#run(copyScript, [this.#copy], []));
    if (position === "") throw unfilled(this.#options.name);
    try {
      const { view, rows } = await filled(position);
      this.#fingerprints = new Fingerprints(view);
      const verdict = { rows: 0, missing: 0, extra: 0, other: 0, keys: [] as string[], beyond: null as string | null };
      for await (const chunk of rows)
        for (const some of batches(chunk, (each) => each.row.length)) {
          verdict.rows += some.length;
          await this.#compareSome(some, view.tolerance, verdict);
        }
      // those of the view were taken out of the copy
      for await (const suffixes of this.#suffixes(this.#copy)) {
        verdict.extra += suffixes.length;
        verdict.keys.push(...suffixes.slice(0, namedMax - verdict.keys.length));
      }
      return verdict;
    } finally {
      await this.#asked(() => this.#client.del(this.#copy)).catch(() => undefined);
    }
  }

  async #compareSome(
    rows: readonly KeyedRow[],
    tolerance: number,
    verdict: { missing: number; other: number; keys: string[]; beyond: string | null },
  ): Promise<void> {
    const { keep } = this.#options.to;
    const suffixes = rows.map(({ key }) => suffixOf(key));
    const copied = await this.#asked(() => this.#client.hmGet(this.#copy, suffixes));
    await this.#asked(() => this.#client.hDel(this.#copy, suffixes));
    const keys = suffixes.map((suffix) => this.#keyOf(suffix));
    const found = keep === "rows" ? ((await this.#run(readScript, keys, suffixes)) as string[]) : [];
    for (const [i, { row, key }] of rows.entries()) {
      const print = copied[i];
      const [value, now] = [found[2 * i], found[2 * i + 1]];
      if (!print || (keep === "rows" && value === "" && now !== "")) verdict.missing++;
      else if (!this.#isSame(row, print, keep === "rows" ? [value!, now!] : null, tolerance, verdict)) verdict.other++;
      else continue;
      if (verdict.keys.length < namedMax) verdict.keys.push(key);
    }
  }

  /** @param kept the row of now, and its fingerprint; null: rows are not kept */
  #isSame(
    row: string,
    print: string,
    kept: readonly [string, string] | null,
    tolerance: number,
    verdict: { beyond: string | null },
  ): boolean {
    const wanted = this.#fingerprints.of(row);
    const was = fingerprintIn(print.slice(markLength + 1));
    // what changed since the copy is only held against its own fingerprint
    if (
      kept &&
      kept[1] !== "" &&
      this.#fingerprints.of(kept[0]).whole !== fingerprintIn(kept[1].slice(markLength + 1)).whole
    )
      return false;
    if (was.whole === wanted.whole) return true;
    if (was.exact !== wanted.exact || tolerance === 0) return false;
    if (kept && this.#fingerprints.of(kept[0]).whole === was.whole)
      return this.#fingerprints.near(kept[0], row, tolerance);
    verdict.beyond = "sums of doubles, whose rows are not kept";
    return true;
  }

  async release(): Promise<void> {
    await this.#run(releaseScript, [], [this.#writer]);
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #keyOf(suffix: string): string {
    return `${this.#options.to.prefix}${suffix}`;
  }

  #item({ key, row }: KeyedRow) {
    return { suffix: suffixOf(key), print: textOf(this.#fingerprints.of(row)), row };
  }

  #put(
    items: readonly { readonly suffix: string; readonly print: string; readonly row: string }[],
    mark: string,
    force: string,
    position: string,
  ): Promise<void> {
    const { keep } = this.#options.to;
    const keys = items.map(({ suffix }) => this.#keyOf(suffix));
    const all = items.flatMap(({ suffix, print, row }) => [suffix, print, keep === "rows" ? row : ""]);
    return this.#change(putScript, keys, [this.#writer, keep, mark, force, position, ...all]);
  }

  /** @throws CONSUMER_FENCED; CACHE_FAILED where the cache has evicted what is remembered of its rows */
  async #change(script: string, keys: readonly string[], args: readonly string[]): Promise<void> {
    const outcome = await this.#run(script, keys, args);
    const { name } = this.#options;
    if (outcome === "fenced")
      throw new TidemarkError(
        "CONSUMER_FENCED",
        `consumer ${name}: another process keeps it`,
        "this one waits until that is gone",
      );
    if (outcome === "evicted")
      throw new TidemarkError(
        "CACHE_FAILED",
        `consumer ${name}: the cache has lost what was remembered of its rows`,
        "it is filled again; give it more memory, or the policy noeviction",
      );
  }

  #run(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const all = [this.#state, this.#prints, ...keys];
    return this.#asked(() => this.#client.eval(script, { keys: all, arguments: [...args] }));
  }

  async *#suffixes(hash: string): AsyncGenerator<string[]> {
    let cursor = "0";
    do {
      const at = cursor;
      const found = await this.#asked(() => this.#client.hScan(hash, at, { COUNT: scanCount }));
      if (found.entries.length > 0) yield found.entries.map(({ field }) => field);
      cursor = String(found.cursor);
    } while (cursor !== "0");
  }

  /** @throws CACHE_UNREACHABLE, CACHE_FAILED */
  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw cacheRefusal(this.#options.name, error);
    }
  }
}

/** What the cache, or the way to it, refuses. The address with its password is not in it. */
function cacheRefusal(name: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const { message = "" } = error as Error;
  // what the server says begins with a word in capitals
  const said = /^[A-Z]{2,} .{0,120}/.exec(message.split("\n")[0]!)?.[0];
  if (said === undefined || /^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN) /.test(said))
    return new TidemarkError(
      "CACHE_UNREACHABLE",
      `consumer ${name}: ${said ?? "the cache is not reached"}`,
      "check that it runs and is reached from here",
    );
  return new TidemarkError("CACHE_FAILED", `consumer ${name}: the cache refuses it: ${said}`, "see its configuration");
}
