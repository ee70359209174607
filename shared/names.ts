/** Names that users give (of streams, views, tables, fields, columns), and the ones that are Tidemark's own. */
import { fold } from "./duckdb/fold.ts";

/**
 * Names with this prefix are Tidemark's own, wherever users' names are beside them: in generated SQL, in archive
 * files, in tables.
 */
const ownPrefix = "__";

export const ownNamesRule = `names that start with ${ownPrefix} are Tidemark's own`;

export function isOwnName(name: string): boolean {
  return name.startsWith(ownPrefix);
}

/** What streams, views and tables may be called: parts of paths, of SQL without quotes, and of topics. */
const namePattern = /^(?!__)[A-Za-z_][A-Za-z0-9_-]*$/;
/** File names are made of a name and what makes them unique, and have at most 255 bytes. */
const nameLengthMax = 128;

export const nameRule = `use letters, digits, _ and -, at most ${nameLengthMax}; start with a letter or one _`;

export function isName(name: string): boolean {
  return namePattern.test(name) && name.length <= nameLengthMax;
}

/** Every name that a text of SQL can hold, folded: of streams, views and tables, each as a whole. */
export function namesIn(sql: string): ReadonlySet<string> {
  // a - is part of a name in quotes, and takes one from the other elsewhere
  return new Set([/[^\w-]+/, /\W+/].flatMap((between) => fold(sql).split(between)));
}

export function sameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}
