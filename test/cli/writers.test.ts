/**
 * Parquet and Arrow as others write them (files/make.py): what is loaded is what plain DuckDB reads there.
 * DuckDB reads no Arrow: there it is what it reads in pyarrow's Parquet file of the same table.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openInput } from "../../cli/input/input.ts";
import type { StreamDefinition } from "../../shared/definition.ts";
import { quoteName, quoteText, type Session } from "../../shared/duckdb/duck.ts";
import { compareRows } from "../../shared/proof/compare.ts";
import { ownSession } from "../support/own-session.ts";
import { stream } from "../support/view-case.ts";
import { decodedRows } from "./decoded-rows.ts";

const folder = join(import.meta.dirname, "files");
const files = readdirSync(folder).sort();

/** Of each column, the field's type. */
const fields: Readonly<Record<string, string>> = {
  id: "BIGINT",
  name: "VARCHAR?",
  whole: "BIGINT?",
  at: "TIMESTAMP?",
  naive: "TIMESTAMP?",
  day: "DATE?",
  lf: "DOUBLE[]?",
  st: "STRUCT(x BIGINT, y VARCHAR)?",
  cents: "BIGINT?",
  raw: "BLOB?",
  j: "JSON?",
  clock: "TIME?",
  ok: "BOOLEAN?",
  m: "JSON?",
};

/** What else the Arrow files of pyarrow and arrow-rs have, and what it is. */
const more: Readonly<Record<string, readonly [type: string, sql: string]>> = {
  dict: ["VARCHAR?", "['a', 'a', NULL]"],
  took: ["BIGINT?", "[5, NULL, -1]"],
  big: ["VARCHAR[]?", "[['x'], NULL, []]"],
  view: ["VARCHAR?", "['a text of more than twelve bytes', 'short', NULL]"],
  fixed: ["BLOB?", `['0123456789abcdef'::BLOB, NULL, '${"\\xFF".repeat(16)}'::BLOB]`],
  pair: ["BIGINT[]?", "[[1, 2], NULL, [3, NULL]]"],
  neg: ["BIGINT?", "[12300, NULL, -100]"],
  m: ["JSON?", `['{"k":1}'::JSON, NULL, '{}'::JSON]`],
};

async function decoded(session: Session, file: string, of: StreamDefinition): Promise<string> {
  return decodedRows(session, (await openInput(join(folder, file), of)).rows, of);
}

/** Plain DuckDB's reading, as the field's type. */
function plain(name: string, source: string): string {
  const column = quoteName(name);
  if (source === "BLOB" && fields[name] !== "BLOB?")
    return name === "j" ? `json(decode(${column})) AS j` : `decode(${column}) AS ${column}`;
  const value = source === "TIMESTAMP WITH TIME ZONE" ? `timezone('UTC', ${column})` : column;
  // texts of JSON are kept without their spaces
  if (name === "j") return "json(j) AS j";
  if (name === "m") return "to_json(m) AS m";
  return `CAST(${value} AS ${fields[name]!.replace("?", "")}) AS ${column}`;
}

async function expectAsIn(
  session: Session,
  parquet: string,
  file: string,
  left: readonly string[] = [],
): Promise<void> {
  const source = `read_parquet(${quoteText(join(folder, parquet))})`;
  const columns = (await session.describe(`FROM ${source}`)).filter(({ name }) => fields[name] && !left.includes(name));
  const of = stream("s", Object.fromEntries(columns.map(({ name }) => [name, fields[name]!])));
  const theirs = `SELECT ${columns.map(({ name, type }) => plain(name, type)).join(", ")} FROM ${source}`;
  const { differences } = await compareRows(session, theirs, await decoded(session, file, of));
  expect(differences).toEqual([]);
  expect(columns.length).toBeGreaterThan(3);
}

describe("Parquet", () => {
  const session = ownSession();
  it.each(files.filter((file) => file.endsWith(".parquet")))("%s", (file) => expectAsIn(session(), file, file));
});

describe("Arrow", () => {
  const session = ownSession();
  const arrow = files.filter((file) => /\.arrows?$/.test(file));
  it.each(arrow)("%s", (file) =>
    // DuckDB, Polars and nanoarrow were not given the maps
    expectAsIn(session(), "pyarrow.parquet", file, ["m"]),
  );

  it.each(arrow.filter((file) => /^(pyarrow|arrow-rs)/.test(file)))(
    "%s, the types that Parquet does not have",
    async (file) => {
      const of = stream("s", Object.fromEntries(Object.entries(more).map(([name, [type]]) => [name, type])));
      const theirs = Object.entries(more).map(([name, [, sql]]) => `unnest(${sql}) AS ${quoteName(name)}`);
      const { differences } = await compareRows(
        session(),
        `SELECT ${theirs.join(", ")}`,
        await decoded(session(), file, of),
      );
      expect(differences).toEqual([]);
    },
  );
});
