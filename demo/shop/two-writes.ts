/**
 * Two ways in which a database and an index that one application writes come apart: a writer dies between the two, or
 * two writers are at work at once. What happens is the same each time: it is decided by locks, not by the clock.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Database } from "./database.ts";
import { renameProduct } from "./rename.ts";
import type { ShopUrls } from "./tables.ts";

export interface Writes {
  readonly urls: ShopUrls;
  /** Whether the application writes the index, too. */
  readonly twice: boolean;
}

/** Renames a product in a process that is killed by kill -9 after its commit. @returns the signal that ended it */
export async function writerThatDies({ urls, twice }: Writes, sku: string, name: string): Promise<string> {
  const program = fileURLToPath(new URL("./dying-writer.js", import.meta.url));
  const child = spawn(process.execPath, [program, urls.shop, twice ? urls.search : "-", sku, name], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal === null) throw new Error(`the writer that was to be killed ended with ${code}`);
  return signal;
}

/** Two writers of one product, always in this order: A commits, B commits, B writes the index, A writes the index. */
export async function twoWriters(
  { urls, twice }: Writes,
  sku: string,
  names: readonly [string, string],
): Promise<void> {
  const [a, b] = [await Database.open(urls.shop), await Database.open(urls.shop)];
  const index = twice ? await Database.open(urls.search) : null;
  const [aCommitted, bDone] = [new Gate(1), new Gate(2)];
  try {
    await aCommitted.close(a);
    await bDone.close(b);
    await Promise.all([
      renameProduct(a, {
        sku,
        name: names[0],
        index,
        between: async () => {
          await aCommitted.open(a);
          await bDone.pass(a);
        },
      }),
      aCommitted
        .pass(b)
        .then(() => renameProduct(b, { sku, name: names[1], index, between: async () => undefined }))
        .then(() => bDone.open(b)),
    ]);
  } finally {
    await Promise.all([a.close(), b.close(), index?.close()]);
  }
}

/** An advisory lock of the database: one connection keeps it, until others may go on. */
class Gate {
  readonly #key: number;

  constructor(key: number) {
    this.#key = key;
  }

  async close(db: Database): Promise<void> {
    await db.rows("SELECT pg_advisory_lock($1)", [this.#key]);
  }

  async open(db: Database): Promise<void> {
    await db.rows("SELECT pg_advisory_unlock($1)", [this.#key]);
  }

  /** Waits until it is open. */
  async pass(db: Database): Promise<void> {
    await db.rows("SELECT pg_advisory_lock_shared($1), pg_advisory_unlock_shared($1)", [this.#key]);
  }
}
