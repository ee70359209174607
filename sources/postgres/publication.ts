/** Tables are published only after they are known to have a usable key: else the application's UPDATE would fail. */
import { isCode, TidemarkError } from "../../shared/errors.ts";
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import { type Evidence, sqlName } from "./evidence.ts";
import { type SourceTable, unfitColumns, withoutKey } from "./tables.ts";

/**
 * Creates the publication, or adds the tables that it lacks; what is published stays. Rows that only come (an outbox)
 * are best published by a publication of their own: `insertsOnly` then makes it one of inserts.
 *
 * @param evidence of now
 * @returns the statements that were run
 * @throws SOURCE_TABLE where a table has no usable key, or other columns than are declared; DATABASE_FORBIDDEN with the
 *   statement, where the role may not run it
 */
export async function publishTables(
  query: PostgresConnection,
  publication: string,
  tables: readonly SourceTable[],
  evidence: Evidence,
): Promise<string[]> {
  const lacking = tables.filter(({ table }) => evidence.tables[table]?.published == null);
  for (const table of lacking) refuseUnfit(query.name, table, evidence);
  const statements = statementsFor(publication, lacking, evidence);
  for (const statement of statements) {
    try {
      await query.rows(statement);
    } catch (error) {
      if (!isCode(error, "DATABASE_FORBIDDEN")) throw error;
      const todo = `run it as the tables' owner: ${statement}`;
      throw new TidemarkError("DATABASE_FORBIDDEN", error.message, todo, error.facts, error);
    }
  }
  return statements;
}

function refuseUnfit(source: string, table: SourceTable, evidence: Evidence): void {
  const found = evidence.tables[table.table] ?? null;
  const problem = (text: string, todo: string) =>
    new TidemarkError("SOURCE_TABLE", `source ${source}: ${table.table}: ${text}`, todo, { table: table.table });
  if (found === null) throw problem("there is no such table", "create it, or take it out");
  const unfit = withoutKey(table, found) ?? unfitColumns(table, found);
  if (unfit !== null) throw problem(unfit.problem, unfit.todo);
}

function statementsFor(publication: string, tables: readonly SourceTable[], evidence: Evidence): string[] {
  const name = `"${publication.replaceAll('"', '""')}"`;
  const list = tables.map(({ table }) => sqlName(table)).join(", ");
  const known = evidence.publications[publication] ?? null;
  if (known === null) {
    const insertsOnly = tables.length > 0 && tables.every((table) => table.insertsOnly);
    const what = insertsOnly ? "publish = 'insert', " : "";
    const of = list === "" ? "" : ` FOR TABLE ${list}`;
    return [`CREATE PUBLICATION ${name}${of} WITH (${what}publish_via_partition_root = true)`];
  }
  const isByLeaves = tables.some(({ table }) => evidence.tables[table]?.kind === "p") && !known.viaRoot;
  return [
    ...(isByLeaves ? [`ALTER PUBLICATION ${name} SET (publish_via_partition_root = true)`] : []),
    // what is published by its leaves is in it already
    ...tables
      .filter(({ table }) => !evidence.tables[table]?.isPublishedByLeaves)
      .map(({ table }) => `ALTER PUBLICATION ${name} ADD TABLE ${sqlName(table)}`),
  ];
}
