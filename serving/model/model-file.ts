/** A read model's file: a row's JSON by its key's JSON, in LMDB. It is derived, and gone with its process. */
import { createHash } from "node:crypto";
import type { Database, RootDatabase } from "lmdb";
import { openLmdb } from "../../shared/lmdb.ts";

/** LMDB takes keys up to 1978 bytes; longer ones are known by their hash. */
const keyBytesMax = 500;

export class ModelFile {
  readonly #env: RootDatabase;
  readonly #rows: Database<string, string>;

  constructor(path: string, options: { readonly readOnly: boolean }) {
    this.#env = openLmdb({ path, mapSize: 2 ** 40, noSync: true, noMetaSync: true, maxDbs: 1, ...options });
    this.#rows = this.#env.openDB({ name: "rows", encoding: "string", cache: false });
  }

  /** Undefined: there is none. */
  get(key: string): string | undefined {
    return this.#rows.get(short(key));
  }

  put(rows: Iterable<readonly [string, string]>): void {
    this.#rows.transactionSync(() => {
      for (const [key, row] of rows) this.#rows.putSync(short(key), row);
    });
  }

  close(): Promise<void> {
    return this.#env.close();
  }
}

function short(key: string): string {
  if (key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax) return key;
  return `#${createHash("sha256").update(key).digest("base64url")}`;
}
