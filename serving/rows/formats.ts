/** The formats that rows are sent in, by the request's Accept. */
import { csvHead, csvRow } from "./csv.ts";
import { JsonRows } from "./json-rows.ts";
import type { Rows } from "./rows.ts";

export interface RowFormat {
  readonly mediaType: string;
  /** @param meta the answer's metadata; only JSON has a place for it, the other formats have it in headers */
  readonly encode: (rows: Rows, meta: object) => AsyncGenerator<string | Uint8Array>;
  readonly copy?: undefined;
  /** The same for rows that are JSON already; absent in other formats. */
  readonly ofJson?: (rows: readonly string[], meta: object) => string;
}

/** A format that can only be written as a file; `copy` are DuckDB's options for COPY. */
export interface FileFormat {
  readonly mediaType: string;
  readonly copy: string;
  readonly ofJson?: undefined;
}

export type AnswerFormat = RowFormat | FileFormat;

const json: RowFormat = {
  mediaType: "application/json; charset=utf-8",
  async *encode({ columns, chunks }, meta) {
    yield '{"data":[';
    const rows = new JsonRows(columns, { between: "," });
    for await (const chunk of chunks) yield rows.encode(chunk);
    yield `],"meta":${JSON.stringify(meta)}}\n`;
  },
  ofJson: (rows, meta) => `{"data":[${rows.join(",")}],"meta":${JSON.stringify(meta)}}\n`,
};

const ndjson: RowFormat = {
  mediaType: "application/x-ndjson; charset=utf-8",
  async *encode({ columns, chunks }) {
    const rows = new JsonRows(columns, { after: "\n" });
    for await (const chunk of chunks) yield rows.encode(chunk);
  },
  ofJson: (rows) => rows.map((row) => `${row}\n`).join(""),
};

const csv: RowFormat = {
  mediaType: "text/csv; charset=utf-8; header=present",
  async *encode({ columns, chunks }) {
    yield csvHead(columns);
    for await (const chunk of chunks)
      yield chunk
        .getRows()
        .map((row) => csvRow(columns, row))
        .join("");
  },
};

/** The library is loaded with the first such answer: processes that run queries start without it. */
const arrow: RowFormat = {
  mediaType: "application/vnd.apache.arrow.stream",
  async *encode({ columns, chunks }) {
    const { arrowStream } = await import("./arrow.ts");
    yield* arrowStream(columns, chunks);
  },
};

const parquet: FileFormat = { mediaType: "application/vnd.apache.parquet", copy: "FORMAT parquet" };

const known: Readonly<Record<string, AnswerFormat>> = {
  "application/json": json,
  "application/x-ndjson": ndjson,
  "application/ndjson": ndjson,
  "text/csv": csv,
  "application/vnd.apache.arrow.stream": arrow,
  "application/vnd.apache.parquet": parquet,
  "*/*": json,
  "application/*": json,
  "text/*": csv,
};

/** The media types that rows come in. */
export const mediaTypes = [json, ndjson, csv, arrow, parquet].map((format) => format.mediaType.split(";")[0]!);

/** The available format that an Accept header prefers; null: none. Without a header: JSON. */
export function formatOf(accept: string | undefined): AnswerFormat | null {
  if (accept === undefined || accept.trim() === "") return json;
  const wanted = preferredType(accept, known);
  return wanted === null ? null : known[wanted]!;
}

/** Of these media types, the one that an Accept header prefers; null: none. */
export function preferredType(accept: string, types: Readonly<Record<string, unknown>>): string | null {
  const wanted = accept.split(",").map((each, place) => {
    const [type = "", ...params] = each.split(";").map((part) => part.trim().toLowerCase());
    const weight = Number(params.find((param) => param.startsWith("q="))?.slice(2) ?? 1);
    return { type, place, weight: Number.isNaN(weight) ? 0 : weight };
  });
  wanted.sort((a, b) => b.weight - a.weight || a.place - b.place);
  return wanted.find(({ type, weight }) => weight > 0 && Object.hasOwn(types, type))?.type ?? null;
}
