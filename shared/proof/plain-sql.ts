/** A view's own SQL in plain DuckDB, untouched by the compiler: what its rows have to be. */
import { eventColumn } from "../compiler/event-order.ts";
import { type Inputs, plainOf } from "../compiler/texts.ts";
import type { ViewDefinition } from "../definition.ts";
import { freshName, type Session } from "../duckdb/duck.ts";

/**
 * Uses the SELECT of a view's own SQL over these inputs. What depends on the order of events is fed them in the log's
 * order, and read by one thread; so no other session of the instance should be at work meanwhile.
 */
export async function withPlainSql<T>(
  session: Session,
  view: Pick<ViewDefinition, "streams" | "references" | "sql" | "ordered">,
  inputs: Inputs,
  use: (plain: string) => Promise<T>,
): Promise<T> {
  if (!view.ordered) return use(plainOf(view, inputs));
  const table = freshName("in_order");
  const threads = String(await session.value("SELECT current_setting('threads')"));
  const name = view.streams[0]!;
  await session.run("SET threads = 1");
  try {
    await session.run(
      `CREATE TEMP TABLE ${table} AS SELECT * EXCLUDE (${eventColumn}) FROM (${inputs.get(name)!}) ORDER BY ${eventColumn}`,
    );
    return await use(plainOf(view, new Map([...inputs, [name, `FROM ${table}`]])));
  } finally {
    await session.run(`DROP TABLE IF EXISTS ${table}`);
    await session.run(`SET threads = ${threads}`);
  }
}
