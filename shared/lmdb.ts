/** lmdb as CommonJS: tools that load TypeScript on the fly transform its ES module, which then no longer finds its native part. */
import { createRequire } from "node:module";

export const { open: openLmdb } = createRequire(import.meta.url)("lmdb") as typeof import("lmdb");

/**
 * Address space that a file takes at first. lmdb doubles it as the file grows, in whoever writes it and, at their next transaction, in all who read
 * it. So small that growing is nothing rare: space by the terabyte ran out at some seventy files.
 */
export const firstMapBytes = 1 << 20;
