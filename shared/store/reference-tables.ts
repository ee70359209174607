/** Reference tables of a definition, in a session. */
import type { Definition } from "../definition.ts";
import { quoteName, type Session } from "../duckdb/duck.ts";
import { relationOf } from "./relation.ts";
import type { Store } from "./store.ts";

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
