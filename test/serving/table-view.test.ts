/**
 * A changelog's table as a view: rows by key of every type that a key may have, with fields of every type and names
 * of every sort, as lists, single rows, filters and SQL, from both layers.
 */
import { describe, expect, it } from "vitest";
import { queryOf, type Where } from "../../serving/client/question.ts";
import { jsonRow } from "../../serving/rows/json.ts";
import { fewRows } from "../../serving/rows/rows.ts";
import { Sandbox } from "../../serving/sql/sandbox.ts";
import { Duck, quoteName, quoteText } from "../../shared/duckdb/duck.ts";
import { Section } from "../../shared/project/section.ts";
import { readStreams } from "../../shared/project/streams.ts";
import { tableViews } from "../../shared/project/table-views.ts";
import { elementsOf, membersOf } from "../../shared/values/json-parts.ts";
import { otherScripts } from "../names/lists.ts";
import { verdictsOf } from "../pipeline/customers.ts";
import { catchUp, World } from "../pipeline/world.ts";
import { isFull, someOf } from "../support/share.ts";
import { plain } from "../types/forms.ts";
import { type TypeRow, types } from "../types/table.ts";
import { seededNumbers } from "../views/seeded.ts";
import { type Api, openApi } from "./api.ts";
import { handOver } from "./hand-over.ts";
import { askWorld } from "./sandbox/ask-world.ts";

const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 1e6));
const zone = "Europe/Berlin";
const streamNames = ["select", "Order-Items", "_group", "customers-2024", "table"];
const fieldNames = [
  ..."select by layer order limit offset and or from group key op before after source row max struct".split(" "),
  ..."id k0 p0 s n v0 v1 g a0 upto total lowest fewest merged partials".split(" "),
  // JavaScript puts names that are whole numbers first
  ...otherScripts.filter((name) => !/^\d+$/.test(name)),
];
const keyNames = "bool tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint"
  .split(" ")
  .concat("text", "day", "ts", "uuid", "d4", "d18", "d38", "d38all");
const typeOf = (name: string) => types.find((type) => type.name === name)!;
const fields = types.filter(({ field }) => field);

interface Column {
  readonly name: string;
  readonly of: TypeRow;
}

/** A table's columns, its rows as their texts, and SQL of them in plain DuckDB. */
class Table {
  readonly keys: readonly Column[];
  readonly columns: readonly Column[];
  readonly #random: () => number;
  /** The number of the first key. */
  readonly #from: number;

  constructor(keys: readonly TypeRow[], random: () => number) {
    this.#random = random;
    this.#from = Math.floor(random() * 100);
    const names = [...fieldNames].sort(() => random() - 0.5);
    const named = (of: TypeRow): Column => ({ name: names.pop()!, of });
    this.keys = keys.map(named);
    this.columns = [...this.keys, ...someOf(fields, 12).map(named)].sort(() => random() - 0.5);
  }

  /** The key of a row by number: each of its values comes with each number once. */
  keyOf(i: number): string[] {
    return this.keys.map(({ of }) => of.values[(i + this.#from) % of.values.length]!);
  }

  /** A row's values at random. */
  valuesOf(key: readonly string[]): (string | undefined)[] {
    return this.columns.map((column) => {
      const at = this.keys.indexOf(column);
      return at >= 0 ? key[at] : column.of.values[Math.floor(this.#random() * (column.of.values.length + 1))];
    });
  }

  sqlOf(values: readonly (string | undefined)[]): string {
    const list = this.columns.map(({ name, of }, i) => {
      const value = values[i];
      return `CAST(${value === undefined ? "NULL" : quoteText(value)} AS ${of.type}) AS ${quoteName(name)}`;
    });
    return `SELECT ${list.join(", ")}`;
  }
}

async function open(keys: readonly TypeRow[], random: () => number) {
  const table = new Table(keys, random);
  const name = streamNames[Math.floor(random() * streamNames.length)]!;
  const declared = table.columns.map((column) => {
    return [column.name, table.keys.includes(column) ? column.of.type : `${column.of.type}?`] as const;
  });
  const key = table.keys.map((column) => column.name);
  const config = {
    streams: { [name]: { kind: "changelog", key, fields: Object.fromEntries(declared), partitions: 2 } },
  };
  const streams = await readStreams(Section.of("tidemark.config.ts", "", config, ["streams"]));
  const world = await World.open({ stream: streams[0]!, views: { [name]: tableViews(streams, "")[0]!.sql } });
  world.definition = { ...world.definition, timezone: zone };
  return { table, name, world };
}

const composite = ["text d38 bool", "uuid day", "ts ubigint text tinyint"];
const cases = someOf([...keyNames, ...composite], 1).map((names) => names.split(" "));

describe.each(cases.map((names) => [names.join(" and "), names] as const))(`by %s (SEED=${seed})`, (_, names) => {
  it("is the rows that are left, however they are asked for", { timeout: 300_000 }, async () => {
    const { table, name, world } = await open(names.map(typeOf), seededNumbers(seed + names.join().length));
    const duck = await Duck.open({ threads: 1, timezone: zone });
    const session = await duck.session();
    const rows = new Map<string, string>();
    const textOf = async (values: readonly (string | undefined)[]) => {
      const { columns, rows: found } = await fewRows(session, table.sqlOf(values));
      return jsonRow(columns, found[0]!);
    };
    const put = async (i: number, gone = false) => {
      const key = table.keyOf(i);
      const id = JSON.stringify(key);
      const [before, after] = [rows.get(id) ?? null, gone ? null : await textOf(table.valuesOf(key))];
      if (after === null) rows.delete(id);
      else rows.set(id, after);
      const value = `{"op":"u","before":${before},"after":${after},"source":""}`;
      await world.append([{ partition: 0, value, valid: true }]);
    };
    const most = Math.max(...table.keys.map(({ of }) => of.values.length));
    const count = isFull ? most : Math.min(most, 6);
    for (let i = 0; i < count; i++) await put(i);
    let writer = await world.writer(await world.firstVersion(), 0);
    await catchUp(world, writer);
    const api = await openApi(world, { models: true });
    try {
      await api.models!.poll();
      await expectTable(world, api, table, name, rows);
      await writer.close();
      writer = await handOver(world, api, () => api.models!.poll());
      await put(0, true);
      for (let i = 1; i < count; i += 2) await put(i);
      await catchUp(world, writer);
      await api.follower.tick();
      await api.models!.poll();
      await expectTable(world, api, table, name, rows);
      expect(await verdictsOf(world)).toEqual([{ view: name, failed: null, differences: [] }]);
    } finally {
      await api.close();
      await writer.close();
      await world.close();
      session.close();
      duck.close();
    }
  });
});

async function expectTable(
  world: World,
  api: Api,
  table: Table,
  name: string,
  rows: ReadonlyMap<string, string>,
): Promise<void> {
  const get = async (query: string, accept = "application/json") => {
    const response = await api.app.inject({ url: `/v1/views/${name}${query}`, headers: { accept } });
    expect(response.statusCode, `${decodeURIComponent(query)}: ${response.body}`).toBe(200);
    return response.body;
  };
  const list = async (where: Readonly<Record<string, Where>>) =>
    elementsOf(/^\{"data":(\[.*\]),"meta":/s.exec(await get(queryOf<Record<string, unknown>>({ where })))![1]!, 1000);
  const all = [...rows.values()].sort();
  expect((await list({})).sort()).toEqual(all);
  const cellOf = (row: string, { name, of }: Column) => plain(membersOf(row).get(name)!, of.type === "JSON");
  const keyOf = (row: string) => Object.fromEntries(table.keys.map((key) => [key.name, cellOf(row, key)!]));
  for (const row of someOf(all, 4)) expect(await list(keyOf(row))).toEqual([row]);
  const filtered = table.columns.filter(({ of }) => !of.noKey);
  for (const [i, column] of someOf(filtered, 4).entries()) {
    const cell = cellOf(all[i % all.length]!, column);
    const same = all.filter((each) => cellOf(each, column) === cell);
    expect((await list({ [column.name]: cell })).sort(), `${column.name} ${column.of.type} ${cell}`).toEqual(same);
  }
  const asked = table.keys.map((key) => `"${key.name.replaceAll(/["\\]/g, "\\$&")}"`);
  const order = `order=${encodeURIComponent(asked.join(","))}`;
  const by = `ORDER BY ${table.keys.map((key) => `${quoteName(key.name)} NULLS LAST`).join(", ")}`;
  const sandbox = await Sandbox.open();
  const csv = await askWorld(world, sandbox, `SELECT * FROM ${quoteName(name)} ${by}`, zone);
  expect(csv).toBe(await get(`?${order}`, "text/csv"));
  const [first] = all;
  const where = table.keys.map((key) => `${quoteName(key.name)} = ${quoteText(cellOf(first!, key)!)}`).join(" AND ");
  expect(await askWorld(world, sandbox, `SELECT count(*) AS n FROM ${quoteName(name)} WHERE ${where}`, zone)).toBe(
    "n\r\n1\r\n",
  );
}
