/**
 * Several readers of one store: each answer is what the oracle says at its own position, and none of them goes
 * back.
 */
import { everything, sqlOf } from "../../serving/question/query.ts";
import { Follower } from "../../serving/snapshot/follower.ts";
import type { ServedVersion } from "../../serving/snapshot/loaded.ts";
import type { Duck, Session } from "../../shared/duckdb/duck.ts";
import { covers, formatPosition, type Position } from "../../shared/position.ts";
import type { Store } from "../../shared/store/store.ts";
import type { Oracle } from "./oracle.ts";

/** How many there are. */
export const readers = 2;
/** Snapshots that are held while everything goes on. */
const longReadsMax = 2;

interface Reader {
  readonly follower: Follower;
  seen: Position;
}

export class Readers {
  readonly #duck: Duck;
  readonly #session: Session;
  readonly #oracle: Oracle;
  /** The store as a process of its own sees it. */
  readonly #store: () => Promise<Store>;
  #all: Reader[] = [];
  #long: ServedVersion[] = [];

  private constructor(duck: Duck, session: Session, oracle: Oracle, store: () => Promise<Store>) {
    this.#duck = duck;
    this.#session = session;
    this.#oracle = oracle;
    this.#store = store;
  }

  static async open(duck: Duck, oracle: Oracle, store: () => Promise<Store>): Promise<Readers> {
    const all = new Readers(duck, await duck.session(), oracle, store);
    await all.start();
    return all;
  }

  async close(): Promise<void> {
    await this.stop();
    this.#session.close();
  }

  async start(): Promise<void> {
    for (let i = 0; i < readers; i++) this.#all.push(await this.#openOne());
  }

  async stop(): Promise<void> {
    for (const served of this.#long.splice(0)) served.release();
    for (const { follower } of this.#all.splice(0)) await follower.close();
  }

  async restart(at: number): Promise<void> {
    await this.#all[at]!.follower.close();
    this.#all[at] = await this.#openOne();
  }

  /** Holds what a reader has now; what was held longest is asked, after all that came between, and let go. */
  async longRead(at: number): Promise<void> {
    this.#long.push(this.#all[at]!.follower.pin());
    if (this.#long.length <= longReadsMax) return;
    const old = this.#long.shift()!;
    try {
      await this.#expectExact(old);
    } finally {
      old.release();
    }
  }

  haveReached(end: Position): boolean {
    return this.#all.every(({ follower }) => covers(follower.position, end) && follower.complaint === "");
  }

  /** Their positions, and why. */
  describe(): string {
    return this.#all.map(({ follower }) => `${formatPosition(follower.position)} ${follower.complaint}`).join("; ");
  }

  /** @returns how many answers were checked */
  async check(): Promise<number> {
    let answers = 0;
    for (const reader of this.#all) {
      const { follower } = reader;
      await follower.tick();
      const served = follower.pin();
      try {
        if (!covers(served.position, reader.seen)) {
          const [from, to] = [reader.seen, served.position].map(formatPosition);
          throw new Error(`a reader went back from ${from} to ${to}`);
        }
        reader.seen = served.position;
        answers += await this.#expectExact(served);
      } finally {
        served.release();
      }
      // a client that shows another reader's token is held until this one is there
      const token = this.#all[0]!.follower.position;
      if ((await follower.covers(token, 0)) && !covers(follower.position, token))
        throw new Error("a token was passed over");
    }
    return answers;
  }

  async #openOne(): Promise<Reader> {
    const follower = await Follower.open(await this.#store(), this.#duck, () => undefined);
    return { follower, seen: follower.position };
  }

  async #expectExact(served: ServedVersion): Promise<number> {
    const truth = this.#oracle.at(served.position);
    const at = `at ${formatPosition(served.position)}, version ${served.manifest.number}`;
    const same = (what: string, found: unknown, expected: string) => {
      const text = JSON.stringify(found);
      if (text !== expected) throw new Error(`${what} ${at}: ${text} instead of ${expected}`);
    };
    let answers = 0;
    for (const [name, view] of served.views) {
      if (view.failed) throw new Error(`view ${name} failed: ${view.failed.message}`);
      if (view.damaged !== null) continue;
      const { text, params } = sqlOf(view, everything);
      const rows = (await this.#session.read(text, params)).getRows().map((row) => row.map(plain));
      same(
        `view ${name}`,
        rows.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
        truth[name]!,
      );
      answers++;
    }
    const { events, dead, duplicates } = served.counts;
    same("counts", [events, dead, duplicates], truth.counts!);
    return answers;
  }
}

function plain(value: unknown): unknown {
  return value === null || typeof value === "string" ? value : Number(value);
}
