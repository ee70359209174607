/**
 * What is loaded from CSV as real programs write it is what plain DuckDB reads there, given the dialect: row for
 * row, NULL against empty text, too.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCommand } from "../../cli/command-line.ts";
import { openInput } from "../../cli/input/input.ts";
import type { VerbArgs } from "../../cli/verb.ts";
import { quoteName, quoteText } from "../../shared/duckdb/duck.ts";
import { TidemarkError } from "../../shared/errors.ts";
import { compareRows } from "../../shared/proof/compare.ts";
import { ownSession } from "../support/own-session.ts";
import { stream } from "../support/view-case.ts";
import { decodedRows } from "./decoded-rows.ts";
import { type DialectCase, dialects, table, tableRows } from "./dialects.ts";

const folder = join(import.meta.dirname, "dialects");

/** As the command line has it: what docs/loading.md names is what is tested. */
function inputOf(file: string, options: readonly string[] = []): VerbArgs["load"]["input"] {
  const understood = parseCommand(["load", "s", file, ...options]);
  if (!("invocation" in understood)) throw new Error("not understood");
  return (understood.invocation.args as VerbArgs["load"]).input;
}

const rfc4180 = {
  delim: "','",
  quote: "'\"'",
  escape: "'\"'",
  header: "true",
  nullstr: "''",
  allow_quoted_nulls: "false",
};

/** Plain DuckDB's reading: nothing is left to its sniffer. */
function plain({ file, duckdb, fields = table, columns = Object.keys(fields), sql = {}, texts }: DialectCase): string {
  const typeOf = (name: string) => (fields[name] ?? "VARCHAR").replace("?", "");
  const types = columns.map(
    (name) => `${quoteText(name)}: ${quoteText(texts === undefined ? typeOf(name) : "VARCHAR")}`,
  );
  const columnOf = (name: string) =>
    texts === undefined ? quoteName(name) : `nullif(${quoteName(name)}, ${quoteText(texts)})`;
  const options = Object.entries({ ...rfc4180, ...duckdb }).map(([name, value]) => `${name} = ${value}`);
  const source = `read_csv(${quoteText(join(folder, file))}, auto_detect = false, columns = {${types.join(", ")}}, ${options.join(", ")})`;
  const select = Object.keys(fields).map(
    (name) => `CAST(${sql[name] ?? columnOf(name)} AS ${typeOf(name)}) AS ${quoteName(name)}`,
  );
  return `SELECT ${select.join(", ")} FROM ${source}`;
}

describe("CSV as others write it", () => {
  const session = ownSession();

  it.each(dialects.map((each) => [each.file, each] as const))("%s", async (file, each) => {
    const of = stream("s", each.fields ?? table);
    const ours = await decodedRows(
      session(),
      (await openInput(join(folder, file), of, inputOf(file, each.load))).rows,
      of,
    );
    const { rows, differences } = await compareRows(session(), plain(each), ours);
    expect(differences).toEqual([]);
    expect(rows).toBeGreaterThan(1);
    if (each.whole) {
      const truth = `SELECT * FROM (${tableRows}) AS t(${Object.keys(table).map(quoteName).join(", ")})`;
      expect((await compareRows(session(), truth, ours)).differences).toEqual([]);
    }
  });
});

const refused: readonly (readonly [file: string, load: readonly string[], reasons: unknown])[] = [
  // Python, doublequote=False: what it writes without quotes is escaped, too
  ["python-escaped-quotes.csv", ["--escape", "\\"], [[5, "a quote is escaped outside of quotes"]]],
  // psql without --csv ends with a count
  ["psql-unaligned.psv", [], [[8, "1 column, where the header has 7"]]],
  // R's write.table has no name for the column of the rows' names, and instants fall apart at their space
  [
    "r-write-table.txt",
    ["--format", "csv", "--delimiter", " ", "--null", "NA"],
    [2, 3, 4, 5, 6, 8, 9, 10].map((line) => [
      line,
      `${line === 3 ? 8 : line === 5 ? 11 : 9} columns, where the header has 7`,
    ]),
  ],
  // World Bank: lines that are no table come first
  [
    "world-bank.csv",
    [],
    'world-bank.csv has no column "id", which stream "s" requires; it has: Data Source, World Development Indicators,  [LOAD_INPUT]',
  ],
];

it("every file of the folder is read or refused", () => {
  const files = readdirSync(folder).filter((file) => !/^\.|\.(md|py)$/.test(file));
  expect(files.toSorted()).toEqual([...dialects.map(({ file }) => file), ...refused.map(([file]) => file)].toSorted());
});

describe("CSV that can't be read", () => {
  const refusals = async (file: string, options: readonly string[] = []) => {
    const rows: unknown[] = [];
    const path = join(folder, file);
    try {
      for await (const some of (await openInput(path, stream("s", table), inputOf(path, options))).rows)
        rows.push(...some.flatMap(({ place, reason }) => (reason === undefined ? [] : [[place, reason]])));
    } catch (error) {
      if (error instanceof TidemarkError) return error.line.replaceAll(`${folder}/`, "");
      throw error;
    }
    return rows;
  };

  it.each(refused)("%s is refused with its line", async (file, options, expected) => {
    expect(await refusals(file, options)).toEqual(expected);
  });

  it("a delimiter of two characters, as MovieLens has it, is refused with the rule", () => {
    expect(() => parseCommand(["load", "s", "ratings.dat", "--format", "csv", "--delimiter", "::"])).toThrow(
      "Write one character, or tab",
    );
  });
});
