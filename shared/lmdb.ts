/** lmdb as CommonJS: tools that load TypeScript on the fly transform its ES module, which then no longer finds its native part. */
import { createRequire } from "node:module";

export const { open: openLmdb } = createRequire(import.meta.url)("lmdb") as typeof import("lmdb");
