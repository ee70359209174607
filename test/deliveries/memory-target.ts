/** A target in memory, which fails as real ones do: before what it was asked, or after. */
import { randomUUID } from "node:crypto";
import type { Filling, Stated, Target, TargetVerdict } from "../../deliveries/target.ts";
import type { KeyedRow } from "../../serving/question/keyed-rows.ts";
import { TidemarkError } from "../../shared/errors.ts";

/** What the store holds, whichever process writes it. */
export class Shelf {
  readonly rows = new Map<string, string>();
  position: string | null = null;
  identity: string | null = null;
  writer: string | null = null;
  /** What it held at each position that it stated, in order. */
  readonly held: { readonly position: string; readonly rows: readonly (readonly [string, string])[] }[] = [];
  fills = 0;
  applied = 0;
  fenced = 0;

  state(position: string): void {
    this.position = position;
    this.held.push({ position, rows: [...this.rows] });
  }
}

export class MemoryTarget implements Target {
  readonly #shelf: Shelf;
  /** @returns true where a step fails */
  readonly #fails: () => boolean;
  #writer: string | null = null;

  constructor(shelf: Shelf, fails: () => boolean) {
    this.#shelf = shelf;
    this.#fails = fails;
  }

  async take(): Promise<Stated> {
    this.#writer = randomUUID();
    this.#shelf.writer = this.#writer;
    return this.stated();
  }

  async apply(rows: readonly KeyedRow[], removed: readonly string[], position: string): Promise<void> {
    await this.#step(() => {
      for (const { key, row } of rows) this.#shelf.rows.set(key, row);
      for (const key of removed) this.#shelf.rows.delete(key);
      this.#shelf.applied++;
      this.#shelf.state(position);
    });
  }

  async fill({ rows }: Filling, { position, identity }: { position: string; identity: string }): Promise<void> {
    const all: KeyedRow[] = [];
    for await (const some of rows) all.push(...some);
    await this.#step(() => {
      this.#shelf.rows.clear();
      for (const { key, row } of all) {
        if (this.#shelf.rows.has(key)) throw new Error(`${key} is there twice`);
        this.#shelf.rows.set(key, row);
      }
      this.#shelf.identity = identity;
      this.#shelf.fills++;
      this.#shelf.state(position);
    });
  }

  async beat(position: string): Promise<void> {
    await this.#step(() => this.#shelf.state(position));
  }

  async isFree(): Promise<boolean> {
    return this.#shelf.writer === null;
  }

  async forget(): Promise<void> {
    this.#shelf.writer = null;
    this.#shelf.position = null;
  }

  async stated(): Promise<Stated> {
    const { position, identity } = this.#shelf;
    return { position, identity };
  }

  compare(): Promise<TargetVerdict> {
    throw new Error("not asked here");
  }

  async release(): Promise<void> {
    if (this.#shelf.writer === this.#writer) this.#shelf.writer = null;
  }

  async close(): Promise<void> {}

  async #step(work: () => void): Promise<void> {
    if (this.#fails()) throw new Error("the connection ended before");
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#shelf.writer !== this.#writer) {
      this.#shelf.fenced++;
      throw new TidemarkError("CONSUMER_FENCED", "another process keeps it", "");
    }
    work();
    if (this.#fails()) throw new Error("the connection ended after");
  }
}
