/** Columns of a target's table, by the types of a view's columns. */
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import { TidemarkError } from "../../shared/errors.ts";
import type { TableTarget } from "../../shared/project/consumers.ts";

/** The primary key of a target's table: a row's keys as JSON, or their hash. */
export const keyColumn = "tidemark_key";

export interface TargetColumn {
  readonly name: string;
  readonly type: string;
  /** As a row's JSON has it. */
  readonly sent: string;
  /** SQL of the value, by SQL of what was sent. */
  readonly value: (sent: string) => string;
  /** Whether doubles that were added up may differ in their last places. */
  readonly rounds: boolean;
}

const same = (sent: string) => sent;

/** Of types that have one in PostgreSQL; times in nanoseconds, intervals and others are the texts that they have. */
const types: Readonly<Record<string, string>> = {
  BOOLEAN: "boolean",
  TINYINT: "smallint",
  SMALLINT: "smallint",
  UTINYINT: "smallint",
  INTEGER: "integer",
  USMALLINT: "integer",
  BIGINT: "bigint",
  UINTEGER: "bigint",
  UBIGINT: "numeric(20,0)",
  HUGEINT: "numeric(39,0)",
  UHUGEINT: "numeric(39,0)",
  BIGNUM: "numeric",
  FLOAT: "real",
  DOUBLE: "double precision",
  UUID: "uuid",
  DATE: "date",
  TIME: "time",
  TIMESTAMP: "timestamp",
  TIMESTAMP_S: "timestamp",
  TIMESTAMP_MS: "timestamp",
  "TIMESTAMP WITH TIME ZONE": "timestamptz",
  JSON: "json",
};

const nested = /\[\d*\]$|^(STRUCT|MAP|UNION)\b/;

function targetColumn({ name, type, precision }: ViewColumn): TargetColumn {
  const rounds = precision !== "exact" && /^(FLOAT|DOUBLE)$/.test(type);
  const plain = { name, sent: "text", value: same, rounds };
  if (nested.test(type)) return { ...plain, type: "json", sent: "json" };
  if (type === "BLOB") return { ...plain, type: "bytea", value: (sent) => `decode(${sent}, 'base64')` };
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(type);
  const own = decimal ? `numeric(${decimal[1]},${decimal[2]})` : (types[type] ?? "text");
  return { ...plain, type: own, sent: own };
}

const nameBytesMax = 63;

/** @throws CONSUMER_TARGET where the table can't have such columns */
export function columnsOf(view: ViewDefinition, { search }: TableTarget): TargetColumn[] {
  const refuse = (problem: string, todo: string): never => {
    throw new TidemarkError("CONSUMER_TARGET", `view ${view.name}: ${problem}`, todo);
  };
  for (const { name } of view.columns) {
    if (Buffer.byteLength(name) > nameBytesMax)
      refuse(
        `PostgreSQL's names have at most ${nameBytesMax} bytes, ${JSON.stringify(name)} has more`,
        "name it shorter",
      );
    if (name === keyColumn || name === search?.name)
      refuse(`the table has a column ${JSON.stringify(name)} of its own`, "name the view's otherwise");
  }
  for (const name of search?.of ?? []) {
    const column = view.columns.find((each) => each.name === name);
    if (!column) refuse(`search is of ${JSON.stringify(name)}, which it does not have`, "name its columns");
    else if (targetColumn(column).type !== "text")
      refuse(`search is of ${JSON.stringify(name)}, a ${column.type}`, "name columns of text");
  }
  return view.columns.map(targetColumn);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Of longer texts the beginning: a tsvector has at most 1 MB. */
const searchedMax = 200_000;

/** The definition of the search column. */
export function searchText({ name, of, language }: NonNullable<TableTarget["search"]>): string {
  const config = `'${language.replaceAll("'", "''")}'::pg_catalog.regconfig`;
  const text = of.map((each) => `coalesce(left(${quoted(each)}, ${searchedMax}), '')`).join(" || ' ' || ");
  return `${quoted(name)} tsvector GENERATED ALWAYS AS (to_tsvector(${config}, ${text})) STORED`;
}
