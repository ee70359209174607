/** Rows as a file that DuckDB writes, which is sent as it is and deleted afterwards. */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { ViewDefinition } from "../../shared/definition.ts";
import { quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { FileFormat } from "./formats.ts";
import type { Sql } from "./rows.ts";

/**
 * Types that DuckDB would write to Parquet as doubles, with fewer digits or without an offset, and
 * the types that keep everything.
 */
const exact: Readonly<Record<string, string>> = {
  HUGEINT: "DECIMAL(38,0)",
  UHUGEINT: "VARCHAR",
  INTERVAL: "VARCHAR",
  // DuckDB's writer fails at its infinity
  TIMESTAMP_S: "TIMESTAMP",
  "TIME WITH TIME ZONE": "VARCHAR",
};

/** The same within lists, structs and maps; quoted text is a name. */
function exactType(type: string): string {
  return type.replace(
    /"(?:[^"]|"")*"|'(?:[^']|'')*'|\b(?:U?HUGEINT|INTERVAL|TIMESTAMP_S|TIME WITH TIME ZONE)\b/g,
    (part) => exact[part] ?? part,
  );
}

/** Has to be disposed of, whether its body was read or not: that deletes the file. */
export interface RowsFile extends Disposable {
  readonly body: AsyncGenerator<Uint8Array>;
}

/**
 * @param path of a file for this call alone
 * @throws what DuckDB throws
 */
export async function copied(
  session: Session,
  view: ViewDefinition,
  { text, params, columns }: Sql,
  format: FileFormat,
  path: string,
): Promise<RowsFile> {
  const shown = columns.map((name) => ({ name, type: view.columns.find((column) => column.name === name)!.type }));
  try {
    await session.read(copyTo(shown, text, path, format), params);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { body: read(path), [Symbol.dispose]: () => void rm(path, { force: true }).catch(() => undefined) };
}

/** SQL that writes a query's rows as such a file. @throws QUERY_FAILED for a type that it can't keep */
export function copyTo(
  columns: readonly { readonly name: string; readonly type: string }[],
  text: string,
  path: string,
  { copy }: FileFormat,
): string {
  // by index: two columns may have the same name
  const places = columns.map((_, i) => `c${i}`);
  const shown = columns.map(({ name, type }, i) => {
    if (/\bUNION\(/.test(type))
      throw new TidemarkError(
        "QUERY_FAILED",
        `column "${name}" is a UNION, which Parquet has no type for`,
        "cast it to VARCHAR, or ask for JSON or CSV",
      );
    const kept = exactType(type);
    return `${kept === type ? places[i] : castTo(`${places[i]}`, name, type, kept)} AS ${quoteName(name)}`;
  });
  return `COPY (SELECT ${shown.join(", ")} FROM (${text}) AS rows(${places.join(", ")})) TO ${quoteText(path)} (${copy})`;
}

/** The SQL throws when it runs, naming the column, if a number is too long. */
function castTo(value: string, name: string, type: string, kept: string): string {
  const cast = `TRY_CAST(${value} AS ${kept})`;
  if (!/HUGEINT/.test(type)) return cast;
  const why = `column "${name}" has a number of 39 digits, and a Parquet decimal has 38: ask for JSON or CSV, or cast it to VARCHAR`;
  return `CASE WHEN ${value} IS NOT NULL AND ${cast} IS NULL THEN error(${quoteText(why)}) ELSE ${cast} END`;
}

/** Opens the file only when it is read, since it may never be. */
async function* read(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
