/** Reference tables of a definition, in a session. */
import type { Definition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { isCode } from "../errors.ts";
import { relationOf } from "./relation.ts";
import type { FileRef, Store } from "./store.ts";

/**
 * A SELECT of each table's rows, by name. The files are checked, and read into temporary tables of the session once.
 * @throws STORE_CORRUPT, STORE_MISSING
 */
export async function loadReferences(
  session: Session,
  store: Store,
  { references }: Definition,
): Promise<ReadonlyMap<string, string>> {
  const loaded = new Map<string, string>();
  for (const { name, file } of references) {
    const table = quoteName(`reference_${name}`);
    const rows = await relationOf(store, [file]);
    await session.run(`CREATE OR REPLACE TEMP TABLE ${table} AS FROM ${rows}`);
    // a stream may have the same name
    loaded.set(name, `FROM temp.main.${table}`);
  }
  return loaded;
}

/** Whether the rows of a table are as they were read. */
export async function isIntact(store: Store, file: FileRef): Promise<boolean> {
  try {
    await store.check(file);
    return true;
  } catch (error) {
    if (!isCode(error, "STORE_CORRUPT", "STORE_MISSING")) throw error;
    return false;
  }
}
