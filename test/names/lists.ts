/** Names to give to fields, columns, keys, streams and views: all that may have another meaning somewhere. */
import { DuckDBConnection } from "@duckdb/node-api";
import { vi } from "vitest";
import type { Session } from "../../shared/duckdb/duck.ts";
import { isOwnName } from "../../shared/names.ts";

/** Words in other scripts, and with what ends or escapes a name in one of the languages that it passes through. */
export const otherScripts: readonly string[] = [
  "ä",
  "漢字",
  "Straße",
  "ñandú",
  "e\u0301te\u0301", // as two characters each
  "\u00e9t\u00e9", // as one
  "שלום",
  "İstanbul",
  "🛫",
  "a b",
  " led",
  "a.b",
  "a/b",
  "a~1b",
  "a\\b",
  "it's",
  'say "x"',
  '"quoted"',
  "a,b",
  "(a)",
  "a=b&c",
  "a;b",
  "--a",
  "/*a*/",
  "{a}",
  "$a",
  "?",
  "%41",
  "#1",
  "[0]",
  "1",
  "1e3",
  "a\tb",
  "x.asc",
  "x.day",
  "not.x",
  "*",
];

/** What every object of JavaScript has already. */
export const ofObjects = Object.getOwnPropertyNames(Object.prototype).filter((name) => !isOwnName(name));

/** Parameters and parts of routes. */
export const ofRoutes =
  "select by layer order limit offset or and events after explain changes diff query status from to view position wait".split(
    " ",
  );

/**
 * What is in DuckDB's own lists of functions, settings and types, and can't be meant by a name in double
 * quotes.
 */
export async function functionsOf(session: Session): Promise<string[]> {
  const rows = await session.rows(
    "SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions() WHERE function_name NOT LIKE 'tidemark%' UNION SELECT name FROM duckdb_settings() UNION SELECT lower(type_name) FROM duckdb_types()",
  );
  return rows.map(({ name }) => String(name));
}

export async function keywordsOf(session: Session): Promise<string[]> {
  const rows = await session.rows("SELECT DISTINCT keyword_name AS name FROM duckdb_keywords() ORDER BY 1");
  return rows.map(({ name }) => String(name));
}

/**
 * Every identifier in the SQL that runs meanwhile, in every process: of columns, tables, aliases, parameters,
 * functions.
 */
export async function identifiersDuring(work: () => Promise<void>): Promise<string[]> {
  const texts: string[] = [];
  const spies = (["run", "runAndReadAll", "stream"] as const).map((method) => {
    const real = DuckDBConnection.prototype[method] as (...args: unknown[]) => unknown;
    return vi.spyOn(DuckDBConnection.prototype, method).mockImplementation(function (
      this: unknown,
      ...args: unknown[]
    ) {
      texts.push(String(args[0]));
      return real.apply(this, args) as never;
    });
  });
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  const found = new Set<string>();
  for (const text of texts) {
    const bare = text.replaceAll(/'(?:[^']|'')*'/g, " ");
    for (const [, quoted, plain] of bare.matchAll(/"((?:[^"]|"")+)"|([A-Za-z_]\w*)/g)) {
      // what makes a name fresh is no part of it
      const name = (quoted?.replaceAll('""', '"') ?? plain!).replace(/_[0-9a-f]{12}$/, "");
      // of k0, k1, …, k95 the first ones represent all
      const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
      if (!isOwnName(name) && number < 3) found.add(name.toLowerCase());
    }
  }
  return [...found].sort();
}
