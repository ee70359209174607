/** What a project would declare for a database's tables: text for its configuration. */
import type { PostgresConnection } from "../../shared/postgres/connection.ts";
import { type Evidence, readEvidence, type TableEvidence } from "./evidence.ts";
import { withoutKey } from "./tables.ts";
import { TypeCatalog } from "./type-catalog.ts";
import { proposedType } from "./types.ts";

const publishedSql = `SELECT schemaname AS schema, tablename AS relation FROM pg_publication_tables
  WHERE pubname = ANY ($1::name[]) GROUP BY 1, 2 ORDER BY 1, 2`;
const allSql = `SELECT n.nspname AS schema, c.relname AS relation FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  ORDER BY 1, 2`;

/**
 * @param publications whose tables are shown; where none exists, all tables of users
 * @returns lines of a `streams` section
 */
export async function inspect(query: PostgresConnection, publications: readonly string[]): Promise<string> {
  const published = await query.rows(publishedSql, [publications]);
  const found = published.length > 0 ? published : await query.rows(allSql);
  const tables = found.map(({ schema, relation }) => `${schema}.${relation}`);
  const types = new TypeCatalog(query);
  const evidence = await readEvidence(query, types, { slot: "", publications, tables });
  return streamsText(query.name, evidence);
}

/** Pure. */
export function streamsText(source: string, { tables }: Evidence): string {
  const taken = new Set<string>();
  const sections = Object.entries(tables).map(([name, found]) => {
    if (found === null || found.columns.length === 0) return `  // ${name}: it has no columns`;
    const key = keyOf(found);
    if (key === null) {
      const unfit = withoutKey({ table: name, row: [], key: ["id"] }, found);
      return `  // ${name}: left out: ${unfit?.problem ?? "it has no key"}: ${unfit?.todo ?? "give it a primary key"}`;
    }
    return section(source, name, streamName(name, taken), found, key);
  });
  return `streams: {\n${sections.join("\n")}\n},\n`;
}

/** Columns that changes can be identified by: the replica identity's, or under FULL those of the first key. */
function keyOf({ identities, identity, keys }: TableEvidence): readonly string[] | null {
  if (identities.includes("n")) return null;
  const isFull = identities.every((each) => each === "f");
  return isFull ? (keys[0] ?? null) : identity;
}

/** A stream's names are those that need no quotes. */
function streamName(table: string, taken: Set<string>): string {
  const [schema = "", ...rest] = table.split(".");
  const plain = (text: string) => text.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^(?=\d)|^_+/, "t_");
  const relation = plain(rest.join("."));
  const name = taken.has(relation) ? `${plain(schema)}_${relation}` : relation;
  taken.add(name);
  return name;
}

function section(
  source: string,
  table: string,
  name: string,
  { columns }: TableEvidence,
  key: readonly string[],
): string {
  const sent = columns.filter(({ generated }) => !generated);
  const fields = sent.map((column) => {
    const type = proposedType(column.is);
    const isKey = key.includes(column.name);
    const field = /^[A-Za-z_]\w*$/.test(column.name) ? column.name : JSON.stringify(column.name);
    const isBare = column.is.name === "numeric" && type === "VARCHAR";
    const says = isBare ? ` // ${column.is.written}: DECIMAL(38,s), where no value has more than s decimals` : "";
    return `      ${field}: "${type}${column.nullable && !isKey ? "?" : ""}",${says}`;
  });
  const generated = columns.filter((column) => column.generated).map((column) => column.name);
  const left = generated.length === 0 ? [] : [`      // generated, not in the changes: ${generated.join(", ")}`];
  return [
    `  ${name}: {`,
    `    kind: "changelog",`,
    `    from: ${JSON.stringify(`${source}:${table}`)},`,
    `    key: ${key.length === 1 ? JSON.stringify(key[0]) : JSON.stringify(key).replaceAll(",", ", ")},`,
    "    fields: {",
    ...fields,
    ...left,
    "    },",
    "  },",
  ].join("\n");
}
