/**
 * A version's read models: a row's JSON by its view and its key's JSON, all in one LMDB file. The
 * file is derived, and deleted with the process that uses it.
 */
import { createHash } from "node:crypto";
import type { Database, RootDatabase } from "lmdb";
import { firstMapBytes, openLmdb } from "../../shared/lmdb.ts";

/** LMDB takes keys of up to 1978 bytes; longer ones are replaced by their hash. */
const keyBytesMax = 500;

export class ModelFile {
  readonly #env: RootDatabase;
  readonly #rows: Database<string, string>;

  constructor(path: string, options: { readonly readOnly: boolean }) {
    this.#env = openLmdb({ path, mapSize: firstMapBytes, noSync: true, noMetaSync: true, maxDbs: 1, ...options });
    this.#rows = this.#env.openDB({ name: "rows", encoding: "string", cache: false });
  }

  /** @param view its number in the version. @returns undefined: there is no such row */
  get(view: number, key: string): string | undefined {
    return this.#rows.get(storedKey(view, key));
  }

  put(view: number, rows: Iterable<readonly [string, string]>): void {
    this.#rows.transactionSync(() => {
      for (const [key, row] of rows) this.#rows.putSync(storedKey(view, key), row);
    });
  }

  close(): Promise<void> {
    return this.#env.close();
  }
}

function storedKey(view: number, key: string): string {
  if (key.length * 3 <= keyBytesMax || Buffer.byteLength(key) <= keyBytesMax) return `${view}${key}`;
  return `${view}#${createHash("sha256").update(key).digest("base64url")}`;
}
