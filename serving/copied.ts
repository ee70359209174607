/** Rows as a file that DuckDB writes, sent as it lies there and removed then. */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { ViewDefinition } from "../shared/definition.ts";
import { quoteName, quoteText, type Session } from "../shared/duckdb/duck.ts";
import type { FileFormat } from "./formats.ts";
import type { Sql } from "./query.ts";

/** What Parquet would keep as doubles or with fewer digits, and what else it can be kept as with every one. */
const exact: Readonly<Record<string, string>> = { HUGEINT: "DECIMAL(38,0)", UHUGEINT: "VARCHAR", INTERVAL: "VARCHAR" };

/** The same within lists, structs and maps; what is quoted is a name. */
function exactType(type: string): string {
  return type.replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'|\b(?:U?HUGEINT|INTERVAL)\b/g, (part) => exact[part] ?? part);
}

export interface Copied {
  readonly body: AsyncGenerator<Uint8Array>;
  /** Owed, whether the body was read or not. */
  readonly remove: () => void;
}

/**
 * @param path of a file that nobody else uses
 * @throws what DuckDB throws
 */
export async function copied(
  session: Session,
  view: ViewDefinition,
  { text, params, columns }: Sql,
  format: FileFormat,
  path: string,
): Promise<Copied> {
  const shown = columns.map((name) => ({ name, type: view.columns.find((column) => column.name === name)!.type }));
  try {
    await session.read(copyTo(shown, text, path, format), params);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return { body: read(path), remove: () => void rm(path, { force: true }).catch(() => undefined) };
}

/** SQL that writes a query's rows as such a file. */
export function copyTo(
  columns: readonly { readonly name: string; readonly type: string }[],
  text: string,
  path: string,
  { copy }: FileFormat,
): string {
  // by place: two columns may have one name
  const places = columns.map((_, i) => `c${i}`);
  const shown = columns.map(({ name, type }, i) => {
    const kept = exactType(type);
    return `${kept === type ? places[i] : `CAST(${places[i]} AS ${kept})`} AS ${quoteName(name)}`;
  });
  return `COPY (SELECT ${shown.join(", ")} FROM (${text}) AS rows(${places.join(", ")})) TO ${quoteText(path)} (${copy})`;
}

/** Opened only when it is read: nobody may come for it. */
async function* read(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
