import type { Session } from "../duckdb/duck.ts";
import { isNode, type ParsedSql, parseTexts, visit } from "./ast.ts";

export type FunctionKind = "aggregate" | "scalar" | "volatile" | "rows";

/**
 * Functions that DuckDB calls consistent, though their results depend on the session, on how values lie in
 * memory, or on a name in the text.
 */
const inconsistent = new Set(
  (
    "alias current_localtime current_localtimestamp current_setting getvariable json_deserialize_sql json_serialize_plan " +
    "json_serialize_sql vector_type version"
  ).split(" "),
);

let known: Promise<ReadonlyMap<string, FunctionKind>> | null = null;

/**
 * What DuckDB knows of its functions: aggregates, scalars that are functions of their arguments, and those that are not
 * (random, now, …). A macro counts as what it is made of. All instances of a process are alike, so it is read once.
 */
export function readCatalog(session: Session): Promise<ReadonlyMap<string, FunctionKind>> {
  known ??= kindsIn(session).catch((error: unknown) => {
    known = null;
    throw error;
  });
  return known;
}

async function kindsIn(session: Session): Promise<ReadonlyMap<string, FunctionKind>> {
  const kinds = new Map<string, FunctionKind>();
  const rows = await session.rows(
    `SELECT lower(function_name) AS name, function_type AS type, bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT') AS pure, string_agg(macro_definition, ', ') AS body
     FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro') AND function_name NOT LIKE 'tidemark%' GROUP BY ALL`,
  );
  const macros = new Map<string, string>();
  for (const row of rows) {
    const name = String(row.name);
    if (inconsistent.has(name)) kinds.set(name, "volatile");
    else if (row.type === "macro") macros.set(name, String(row.body));
    else if (row.type === "aggregate") kinds.set(name, "aggregate");
    else if (!kinds.has(name)) kinds.set(name, row.pure ? "scalar" : "volatile");
  }
  const bodies = new Map<string, Set<string> | null>();
  const parsed = await parseTexts(
    session,
    [...macros.values()].map((body) => `SELECT ${body}`),
  );
  for (const [i, name] of [...macros.keys()].entries()) bodies.set(name, namesIn(parsed[i]!));
  const kindOf = (name: string, seen: Set<string>): FunctionKind => {
    const known = name === "unnest" ? "rows" : kinds.get(name);
    if (known) return known;
    const uses = bodies.get(name);
    if (!uses || seen.has(name)) return "volatile";
    const inner = [...uses].map((each) => kindOf(each, new Set([...seen, name])));
    return (["volatile", "rows", "aggregate"] as const).find((kind) => inner.includes(kind)) ?? "scalar";
  };
  for (const name of [...macros.keys(), "unnest"]) if (!kinds.has(name)) kinds.set(name, kindOf(name, new Set()));
  return kinds;
}

/** Functions and clock words that a macro's body uses; null where it is more than an expression. */
function namesIn({ statements }: ParsedSql): Set<string> | null {
  const statement = statements[0];
  const node = isNode(statement?.node) ? statement.node : null;
  if (!node || !Array.isArray(node.select_list)) return null;
  const names = new Set<string>();
  let plain = true;
  for (const item of node.select_list) {
    if (!isNode(item)) return null;
    visit(item, (each) => {
      if (each.class === "FUNCTION") names.add(String(each.function_name).toLowerCase());
      if (each.class === "SUBQUERY" || each.class === "WINDOW") plain = false;
      if (each.class === "COLUMN_REF" && /^current_/.test(String((each.column_names as string[])[0]))) names.add("now");
    });
  }
  return plain ? names : null;
}
