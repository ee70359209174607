/**
 * Values of each type at their edges, through a real server, both ways (a snapshot and the stream), and the project's
 * own decoder: the decoded value is the one that PostgreSQL has.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../demo/postgres/server.ts";
import type { FieldDefinition } from "../../../shared/definition.ts";
import type { RowTexts } from "../../../sources/change.ts";
import { PostgresSource } from "../../../sources/postgres/source.ts";
import type { SourceTable } from "../../../sources/postgres/tables.ts";
import { batchOf, DecodeBench } from "../../decode/records.ts";
import { skipsPostgres } from "../../support/postgres.ts";
import { stream } from "../../support/view-case.ts";
import { followed } from "./followed.ts";
import { columns, decodedValue, floatBytes, serversValue, setup, type TypedColumn } from "./typed-values.ts";

const id: FieldDefinition = { name: "id", type: "BIGINT", nullable: false };
const fieldsOf = (declared: readonly string[]) => declared.map((type, i) => ({ name: `v${i}`, type, nullable: true }));
const everyWay = ({ declared }: TypedColumn) => (declared.includes("VARCHAR") ? declared : [...declared, "VARCHAR"]);

/** A table for the good values of each type, with a column for each declared type. */
const good = columns.map((column, i) => ({
  column,
  declared: everyWay(column),
  values: column.values.filter((value) => !column.refused?.includes(value)),
  source: { table: `public.good_${i}`, key: ["id"], row: [id, ...fieldsOf(everyWay(column))] } satisfies SourceTable,
}));
/** A table for each value that a declared type refuses. */
const refused = columns
  .flatMap((column) =>
    (column.refused ?? []).flatMap((value) => column.declared.map((type) => ({ column, value, type }))),
  )
  .map((each, i) => ({
    ...each,
    source: { table: `public.refused_${i}`, key: ["id"], row: [id, ...fieldsOf([each.type])] } satisfies SourceTable,
  }));

const create = (table: string, type: string, count: number) => {
  const added = Array.from({ length: count }, (_, i) => `, v${i} ${type}`);
  return `CREATE TABLE ${table} (id bigint PRIMARY KEY${added.join("")});`;
};
const insert = (table: string, first: number, values: readonly string[], count: number) =>
  values.map((value, i) => `INSERT INTO ${table} VALUES (${first + i}${`, ${value}`.repeat(count)});`).join("\n");

describe.skipIf(skipsPostgres("PostgreSQL's types, against a real server"))("PostgreSQL's types", () => {
  let server: PostgresServer;
  const snapshots = new Map<string, RowTexts[]>();
  const streamed = new Map<string, RowTexts[]>();
  const findings: string[] = [];
  beforeAll(async () => {
    server = await startPostgres();
    const created = [
      ...good.flatMap(({ source: { table }, column, declared, values }) => [
        create(table, column.type, declared.length),
        insert(table, 0, values, declared.length),
      ]),
      ...refused.map(({ source, column }) => create(source.table, column.type, 1)),
    ];
    await server.sql([setup, ...created].join("\n"));
    const tables = [...good, ...refused].map(({ source }) => source);
    await server.sql(`CREATE PUBLICATION every FOR TABLE ${tables.map(({ table }) => table).join(", ")}`);
    const options = { source: "shop", url: server.url, slot: "every", publications: ["every"], messages: ["end"] };
    const times = { heartbeatMs: 60_000, pollMs: 60_000, now: Date.now };
    const source = await PostgresSource.open({ ...options, ...times, tables });
    expect(source.findings(null, null)).toEqual([]);
    const snapshot = await source.snapshot("new", { waitMsMax: 10_000 });
    for (const { source: table } of good) {
      const rows: RowTexts[] = [];
      for await (const batch of snapshot.rows(table, source.evidence)) rows.push(...batch.map(({ after }) => after!));
      snapshots.set(table.table, rows);
    }
    await snapshot.close();
    const later = [
      ...good.map(({ source: { table }, declared, values }) => insert(table, 1_000, values, declared.length)),
      ...refused.map(({ source: { table }, value }) => insert(table, 0, [value], 1)),
    ];
    await server.sql(later.join("\n"));
    const { changes, found } = await followed(source, snapshot.lsn, server);
    for (const { table, change } of changes) {
      if (change === "truncate") throw new Error("no truncate was made");
      streamed.set(table, [...(streamed.get(table) ?? []), change.after!]);
    }
    findings.push(...found.map(({ kind, table, meaning }) => `${kind} ${table}: ${meaning}`));
    await source.close();
  });
  afterAll(async () => server?.stop());

  it.each(good)("$column.type", async ({ column, declared, values, source }) => {
    const { table, row } = source;
    const copied = snapshots.get(table)!;
    expect(copied.length).toBe(values.length);
    // both ways write the same
    expect(streamed.get(table)!.map(([, ...texts]) => texts)).toEqual(copied.map(([, ...texts]) => texts));
    const bench = await DecodeBench.open(
      stream("rows", Object.fromEntries(row.map(({ name, type }) => [name, name === "id" ? type : `${type}?`]))),
    );
    try {
      const records = copied.map((texts) => `{${row.map(({ name }, i) => `"${name}":${texts[i]}`).join(",")}}`);
      const decoded = await bench.decoder.decode([batchOf(records)]);
      expect(decoded.dead).toEqual([]);
      const selected = declared.map((type, i) => `${decodedValue(type, `v${i}`)} AS v${i}`);
      const found = await bench.session.rows(
        `SELECT ${selected.join(", ")} FROM (${await decoded.select()}) ORDER BY id`,
      );
      const shown = declared.map((type, i) => `${serversValue(column.type, type, `v${i}`)} AS v${i}`);
      const session = "SET timezone = 'UTC'; SET extra_float_digits = 3; SET datestyle = 'ISO';";
      const rows = await server.sql(
        `${session} SELECT to_json(t)::text
         FROM (SELECT ${shown.join(", ")} FROM ${table} WHERE id < 1000 ORDER BY id) t`,
      );
      const expected = rows
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, string>);
      for (const [n, value] of values.entries()) {
        for (const [i, type] of declared.entries()) {
          const text = String(found[n]![`v${i}`]);
          const where = `${value} as ${type}`;
          const own = /^(FLOAT|DOUBLE)/.test(type)
            ? floatBytes(type, text)
            : await asServers(type, text, expected[n]![`v${i}`]!);
          expect([where, own]).toEqual([where, expected[n]![`v${i}`]]);
        }
      }
      await decoded.close();
    } finally {
      bench.close();
    }
  });

  /** Of equal JSON, PostgreSQL's text. */
  async function asServers(type: string, text: string, expected: string): Promise<string> {
    if (type !== "JSON") return text;
    const equal = "SELECT :'text'::jsonb = :'expected'::jsonb";
    return (await server.sql(equal, { text, expected })).trimEnd() === "t" ? expected : text;
  }

  it.each(refused)("$value of $column.type is refused as $type", ({ source: { table }, type }) => {
    expect(streamed.get(table)).toBeUndefined();
    const own = findings.filter((each) => each.startsWith(`value-refused ${table}: `));
    expect(own).toEqual([expect.stringContaining(`: column v0 (`)]);
    expect(own).toEqual([expect.stringContaining(`and no ${type} is that; changes of the table are left out`)]);
  });
});
