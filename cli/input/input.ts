import type { StreamDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { csvRows } from "./csv.ts";
import { type CsvOptions, plainCsv } from "./csv-options.ts";
import { type Format, formats } from "./formats.ts";
import { jsonRows } from "./json.ts";
import { parquetRows } from "./parquet.ts";
import type { Input } from "./row.ts";
import { bytesOf, mustBeFile, nameOf } from "./source.ts";

export interface InputOptions {
  /** Null: determined by the file's name; standard input is JSON. */
  readonly format: Format | null;
  /** A text file's encoding, by its WHATWG name; null: UTF-8, or UTF-16 by its byte order mark. */
  readonly encoding: string | null;
  readonly csv: CsvOptions;
}

export const plainInput: InputOptions = { format: null, encoding: null, csv: plainCsv };

/**
 * Opens a file, or standard input (`-`).
 * @throws LOAD_INPUT when there is no such file or its kind is unknown
 */
export async function openInput(
  file: string,
  stream: StreamDefinition,
  options: InputOptions = plainInput,
): Promise<Input> {
  if (file !== "-") await mustBeFile(file);
  const format = options.format ?? (file === "-" ? "json" : formatOf(file));
  const bytes = () => bytesOf(file, options.encoding);
  const lines = (rows: Input["rows"]): Input => ({ unit: "line", count: null, rows });
  switch (format) {
    case "json":
    case "ndjson":
      return lines(jsonRows(bytes(), nameOf(file), format === "ndjson"));
    case "csv":
      return lines(csvRows(bytes(), nameOf(file), stream, options.csv));
    case "parquet":
      mustSeek(file, "Parquet");
      return parquetRows(file, stream);
    case "arrow": {
      mustSeek(file, "Arrow");
      const { arrowRows } = await import("./arrow.ts");
      return { unit: "row", count: null, rows: arrowRows(file, stream) };
    }
  }
}

function mustSeek(file: string, kind: string): void {
  if (file !== "-") return;
  throw new TidemarkError("LOAD_INPUT", `${kind} can't be read from standard input`, "name a file");
}

const endings: readonly (readonly [RegExp, Format])[] = [
  [/\.(ndjson|jsonl)(\.gz)?$/i, "ndjson"],
  [/\.json(\.gz)?$/i, "json"],
  [/\.(csv|tsv|tab|psv)(\.gz)?$/i, "csv"],
  [/\.(parquet|pq)$/i, "parquet"],
  [/\.(arrow|arrows|feather|ipc)$/i, "arrow"],
];

function formatOf(file: string): Format {
  const found = endings.find(([ending]) => ending.test(file));
  if (found) return found[1];
  throw new TidemarkError(
    "LOAD_INPUT",
    `the format of ${file} is unknown`,
    `name it with --format ${formats.join("|")}, or call the file .ndjson, .json, .csv, .tsv, .parquet or .arrow`,
  );
}
