/** Rows as a file that DuckDB writes, sent as it lies there and removed then. */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { ViewDefinition } from "../shared/definition.ts";
import { quoteName, quoteText, type Session } from "../shared/duckdb/duck.ts";
import type { FileFormat } from "./formats.ts";
import type { Sql } from "./query.ts";

/** What Parquet would keep as doubles, and what else it can be kept as with every digit. */
const exact: Readonly<Record<string, string>> = { HUGEINT: "DECIMAL(38,0)", UHUGEINT: "VARCHAR" };

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
  const casts = columns.flatMap(({ name, type }) =>
    exact[type] ? [`CAST(${quoteName(name)} AS ${exact[type]}) AS ${quoteName(name)}`] : [],
  );
  const list = casts.length > 0 ? `* REPLACE (${casts.join(", ")})` : "*";
  return `COPY (SELECT ${list} FROM (${text})) TO ${quoteText(path)} (${copy})`;
}

/** Opened only when it is read: nobody may come for it. */
async function* read(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
