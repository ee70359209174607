/** The door to LMDB. */
import { createRequire } from "node:module";
import type { Key, RootDatabase, RootDatabaseOptionsWithPath } from "lmdb";
import { messageOf } from "./errors.ts";

/**
 * lmdb as CommonJS: tools that load TypeScript on the fly transform its ES module, which then no longer finds
 * its native part.
 */
const lmdb = createRequire(import.meta.url)("lmdb") as typeof import("lmdb");

/**
 * Address space that a file takes at first. lmdb doubles it as the file grows, in the writing process and, at
 * their next transaction, in the reading ones. So small that growing is common: with a terabyte each, address
 * space ran out at some seventy files.
 */
export const firstMapBytes = 1 << 20;

/** What an opening says that found a process just closing the file. */
const justClosed = "Invalid argument";
const patienceMs = 5000;
const retryMs = 5;

type Root<V, K extends Key> = new (name: null, options: object) => RootDatabase<V, K>;

/**
 * Opens a file. The last process that closes one destroys its locks, and a process that opens it at that very
 * moment would be left with the destroyed ones for as long as it has the file open: it closes the file and opens
 * it again, which makes new locks once no other process has it open.
 */
// biome-ignore lint/suspicious/noExplicitAny: as lmdb's own
export function openLmdb<V = any, K extends Key = Key>(options: RootDatabaseOptionsWithPath): RootDatabase<V, K> {
  for (const until = performance.now() + patienceMs; ; ) {
    // the environment is open with this; its root comes apart from it, so that it can be closed where that fails
    const Root = lmdb.openAsClass({ ...options }) as unknown as Root<V, K>;
    try {
      return new Root(null, { ...options, isRoot: true });
    } catch (error) {
      Root.prototype.close.call(Object.assign(Object.create(Root.prototype), { isRoot: true }));
      if (performance.now() > until || !messageOf(error).startsWith(justClosed)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs * Math.random());
    }
  }
}
