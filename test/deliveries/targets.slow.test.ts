/** What a target promises, of a real PostgreSQL and a real Redis. */
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PostgresTableTarget } from "../../deliveries/postgres/table-target.ts";
import { RedisCacheTarget } from "../../deliveries/redis/cache-target.ts";
import { suffixOf } from "../../deliveries/redis/keys.ts";
import type { Filling, Target } from "../../deliveries/target.ts";
import { type PostgresServer, startPostgres } from "../../demo/postgres/server.ts";
import { type KeyedRow, keyedRowsOf } from "../../serving/question/keyed-rows.ts";
import type { ViewColumn, ViewDefinition } from "../../shared/definition.ts";
import { Duck } from "../../shared/duckdb/duck.ts";
import type { CacheTarget, TableTarget } from "../../shared/project/consumers.ts";
import { randomOf } from "../faults/fault.ts";
import { skipsPostgres } from "../support/postgres.ts";
import { type RedisServer, skipsRedis, startRedis } from "../support/redis.ts";

const viewOf = (columns: readonly Partial<ViewColumn>[], tolerance = 0) =>
  ({
    name: "made",
    tolerance,
    columns: columns.map((each, i) => ({ key: i === 0 ? "k0" : null, precision: "exact", ...each })),
  }) as unknown as ViewDefinition;
const plain = viewOf([
  { name: "k", type: "VARCHAR" },
  { name: "n", type: "BIGINT" },
  { name: "x", type: "DOUBLE", precision: "rounded" },
]);

const row = (k: string | null, n: number, x = 0.5): KeyedRow => ({
  key: JSON.stringify({ k }),
  row: JSON.stringify({ k, n, x }),
});
async function* chunks(rows: readonly KeyedRow[]) {
  for (let i = 0; i < rows.length; i += 7) yield rows.slice(i, i + 7);
}
const filling = (rows: readonly KeyedRow[], view = plain): Filling => ({ view, rows: chunks(rows) });

interface Place {
  /** Another process's. @param owner the consumer's */
  open(owner?: string): Promise<Target>;
  /** Its rows' JSON by key, read by other means. */
  rows(): Promise<Map<string, string>>;
  /** Spoils a row, one is gone, and one is there too many. */
  spoil(): Promise<void>;
}

const odd = ["", "%", ":", "a:b", "%00", 'it\'s "b" \\', "é\u{1f600}", "null", "x".repeat(3000), " ", "\n", "~", null];

/** @param place opened before each test, empty */
function promises(name: string, skipped: boolean, place: () => Place): void {
  describe.skipIf(skipped)(name, () => {
    it("has the rows that it was filled with, and then what changes, with the position", async () => {
      const { open, rows } = place();
      const seed = 1 + Math.floor(Math.random() * 1e6);
      const random = randomOf(seed);
      let target = await open();
      expect(await target.take(plain)).toEqual({ position: null, identity: null });
      const model = new Map(odd.map((k) => [row(k, 1).key, row(k, 1).row]));
      await target.fill(filling(odd.map((k) => row(k, 1))), { position: "p@0:0", identity: "i" });
      for (let step = 1; step <= 12; step++) {
        const changed = odd.filter(() => random() < 0.3).map((k) => row(k, step, random()));
        const removed = odd.filter(() => random() < 0.2).map((k) => row(k, 0).key);
        const upserts = changed.filter(({ key }) => !removed.includes(key));
        if (random() < 0.3) {
          await target.close();
          target = await open();
          expect(await target.take(plain)).toEqual({ position: `p@0:${step - 1}`, identity: "i" });
        }
        for (const each of upserts) model.set(each.key, each.row);
        for (const key of removed) model.delete(key);
        const position = `p@0:${step}`;
        if (random() < 0.2) {
          const all = [...model].map(([key, text]) => ({ key, row: text }));
          await target.fill(filling(all), { position, identity: "i" });
        } else await target.apply(upserts, removed, position);
        expect(await target.stated(), `SEED=${seed}`).toEqual({ position, identity: "i" });
        expect(await rows(), `SEED=${seed}`).toEqual(model);
        const found = await target.compare(async (at) => {
          expect(at).toBe(position);
          return filling([...model].map(([key, text]) => ({ key, row: text })));
        });
        expect(found).toMatchObject({ rows: model.size, missing: 0, extra: 0, other: 0 });
      }
      await target.beat("p@0:99");
      expect((await target.stated()).position).toBe("p@0:99");
      await target.close();
    });

    it("refuses what a process does from which another has taken it", async () => {
      const { open, rows } = place();
      const [one, other] = [await open(), await open()];
      await one.take(plain);
      await one.fill(filling([row("a", 1)]), { position: "p@0:1", identity: "i" });
      await other.take(plain);
      const fenced = { code: "CONSUMER_FENCED" };
      await expect(one.apply([row("b", 1)], [row("a", 1).key], "p@0:2")).rejects.toMatchObject(fenced);
      await expect(one.fill(filling([]), { position: "p@0:2", identity: "i" })).rejects.toMatchObject(fenced);
      await expect(one.beat("p@0:2")).rejects.toMatchObject(fenced);
      expect([...(await rows()).values()]).toEqual([row("a", 1).row]);
      expect(await other.stated()).toMatchObject({ position: "p@0:1" });
      // what one gives up is not what the other has
      await one.release();
      expect(await one.isFree()).toBe(false);
      await other.apply([row("b", 2)], [], "p@0:3");
      await other.release();
      expect(await one.isFree()).toBe(true);
      await one.take(plain);
      await one.forget();
      expect(await other.isFree()).toBe(true);
      await expect(one.apply([], [], "p@0:9")).rejects.toMatchObject(fenced);
      expect(await other.take(plain)).toMatchObject({ position: null });
      await one.close();
      await other.close();
    });

    it("says how it differs, whoever has done it, and is equal once it is filled again", async () => {
      const { open, spoil } = place();
      const target = await open();
      await target.take(plain);
      const all = ["a", "b", "c"].map((k) => row(k, 1));
      await target.fill(filling(all), { position: "p@0:1", identity: "i" });
      await spoil();
      const found = await target.compare(async () => filling(all));
      expect(found).toMatchObject({ rows: 3, missing: 1, extra: 1, other: 1 });
      expect(found.keys).toHaveLength(3);
      await target.fill(filling(all), { position: "p@0:1", identity: "i" });
      expect(await target.compare(async () => filling(all))).toMatchObject({ missing: 0, extra: 0, other: 0 });
      const rounded = { ...plain, tolerance: 1e-9 };
      await target.take(rounded);
      await target.fill(filling(all, rounded), { position: "p@0:1", identity: "i" });
      const near = [row("a", 1, 0.5 + 1e-14), row("b", 1), row("c", 1)];
      expect(await target.compare(async () => filling(near, rounded))).toMatchObject({ other: 0 });
      const far = [row("a", 1, 0.51), row("b", 1, Number.NaN), row("c", 2)];
      // of rows that are not kept, sums of doubles can't be compared, which is said
      const isKept = !name.endsWith("nothing");
      const verdict = await target.compare(async () => filling(far, rounded));
      expect(verdict).toMatchObject({ other: isKept ? 3 : 1 });
      expect(verdict.beyond === null).toBe(isKept);
      await target.close();
    });

    it("is one consumer's", async () => {
      const { open } = place();
      const [one, other] = [await open("one"), await open("other")];
      await one.take(plain);
      await one.fill(filling([]), { position: "p@0:1", identity: "i" });
      await expect(other.take(plain)).rejects.toMatchObject({ code: "CONSUMER_TARGET" });
      await one.close();
      await other.close();
    });
  });
}

const [noPostgres, noRedis] = [skipsPostgres("consumers of PostgreSQL"), skipsRedis("consumers of Redis")];
let postgres: PostgresServer;
let redis: RedisServer;
let made = 0;

beforeAll(async () => {
  if (!noPostgres) postgres = await startPostgres();
  if (!noRedis) redis = await startRedis();
});
afterAll(async () => {
  await postgres?.stop();
  await redis?.stop();
});

function tableOf(search: TableTarget["search"] = null): TableTarget {
  made++;
  return { kind: "postgres", url: () => postgres.url, schema: "public", table: `Odd "t" ${made}`, search };
}

promises("a table of PostgreSQL", noPostgres, () => {
  const to = tableOf();
  const name = `"public"."Odd ""t"" ${made}"`;
  return {
    open: (owner = "own") => PostgresTableTarget.open({ name: owner, owner: `${owner} ${to.table}`, to }),
    rows: async () => {
      const text = await postgres.sql(
        `SELECT json_build_object('k', k) #>> '{}', json_build_object('k', k, 'n', n, 'x', x) #>> '{}' FROM ${name}`,
      );
      const found = text.trimEnd().split("\n").filter(Boolean);
      return new Map(
        found.map((line) => {
          const { k, n, x } = JSON.parse(line.slice(line.indexOf("|") + 1)) as {
            k: string | null;
            n: number;
            x: number;
          };
          return [row(k, n, x).key, row(k, n, x).row];
        }),
      );
    },
    spoil: async () => {
      await postgres.sql(`DELETE FROM ${name} WHERE k = 'a'; UPDATE ${name} SET n = 2 WHERE k = 'b';
        INSERT INTO ${name} (tidemark_key) VALUES ('more')`);
    },
  };
});

for (const keep of ["rows", "nothing"] as const)
  promises(`keys of Redis, keep: ${keep}`, noRedis, () => {
    made++;
    const to: CacheTarget = { kind: "redis", url: () => redis.url, prefix: `{odd ${made}}:`, keep };
    const clientOf = () => createClient({ url: redis.url });
    const asked = async <T>(work: (client: ReturnType<typeof clientOf>) => Promise<T>): Promise<T> => {
      const client = clientOf();
      await client.connect();
      try {
        return await work(client);
      } finally {
        client.destroy();
      }
    };
    const known = new Map<string, string>();
    return {
      open: async (owner = "own") => {
        const target = await RedisCacheTarget.open({ name: owner, owner: `${owner} ${to.prefix}`, to });
        if (keep === "rows") return target;
        // an application that fills each key as soon as it is gone: what is there is never out of date
        const { apply, fill } = target;
        const fillKeys = () =>
          asked(async (client) => {
            for (const [key, text] of known) {
              const at = `${to.prefix}${suffixOf(key)}`;
              if ((await client.get(at)) === null) await client.set(at, text);
            }
          });
        target.apply = async (rows, removed, position) => {
          await apply.call(target, rows, removed, position);
          for (const each of rows) known.set(each.key, each.row);
          for (const key of removed) known.delete(key);
          await fillKeys();
        };
        target.fill = async ({ view, rows }, stated) => {
          const all: KeyedRow[] = [];
          for await (const some of rows) all.push(...some);
          await fill.call(target, filling(all, view), stated);
          known.clear();
          for (const each of all) known.set(each.key, each.row);
          await fillKeys();
        };
        return target;
      },
      rows: () =>
        asked(async (client) => {
          const found = new Map<string, string>();
          const texts = await Promise.all(
            (await client.keys(`${to.prefix}*`))
              .filter((key) => !/%(state|rows)$/.test(key))
              .map((key) => client.get(key)),
          );
          for (const text of texts) found.set(JSON.stringify({ k: (JSON.parse(text!) as { k: string }).k }), text!);
          return found;
        }),
      spoil: () =>
        asked(async (client) => {
          await client.hDel(`${to.prefix}%rows`, "a");
          await client.del(`${to.prefix}a`);
          await client.hSet(`${to.prefix}%rows`, { b: "-------- x", more: "-------- x" });
          if (keep === "rows") await client.set(`${to.prefix}b`, "{}");
        }).then(() => undefined),
    };
  });

/** By type: a value in DuckDB, and its text in PostgreSQL. */
const values: readonly (readonly [type: string, sql: string, column: string, text: string])[] = [
  ["BOOLEAN", "true", "boolean", "true"],
  ["TINYINT", "-128", "smallint", "-128"],
  ["SMALLINT", "32767", "smallint", "32767"],
  ["UTINYINT", "255", "smallint", "255"],
  ["INTEGER", "-2147483648", "integer", "-2147483648"],
  ["USMALLINT", "65535", "integer", "65535"],
  ["BIGINT", "9223372036854775807", "bigint", "9223372036854775807"],
  ["UINTEGER", "4294967295", "bigint", "4294967295"],
  ["UBIGINT", "18446744073709551615", "numeric(20,0)", "18446744073709551615"],
  ["HUGEINT", "-170141183460469231731687303715884105728", "numeric(39,0)", "-170141183460469231731687303715884105728"],
  ["UHUGEINT", "340282366920938463463374607431768211455", "numeric(39,0)", "340282366920938463463374607431768211455"],
  [
    "DECIMAL(38,10)",
    "1234567890123456789012345678.0123456789",
    "numeric(38,10)",
    "1234567890123456789012345678.0123456789",
  ],
  ["FLOAT", "0.1", "real", "0.1"],
  ["DOUBLE", "1e300", "double precision", "1e+300"],
  ["DOUBLE", "'NaN'", "double precision", "NaN"],
  ["DOUBLE", "'-Infinity'", "double precision", "-Infinity"],
  ["DOUBLE", "'-0.0'", "double precision", "-0"],
  ["VARCHAR", "'it''s \"é\" \\ \u{1f600}'", "text", 'it\'s "é" \\ \u{1f600}'],
  ["UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["DATE", "'0044-03-15 (BC)'", "date", "0044-03-15 BC"],
  ["DATE", "'infinity'", "date", "infinity"],
  ["TIME", "'23:59:59.999999'", "time without time zone", "23:59:59.999999"],
  ["TIMESTAMP", "'2024-07-01 12:00:00.123456'", "timestamp without time zone", "2024-07-01 12:00:00.123456"],
  ["TIMESTAMP", "'-infinity'", "timestamp without time zone", "-infinity"],
  ["TIMESTAMP_S", "'2024-07-01 12:00:00'", "timestamp without time zone", "2024-07-01 12:00:00"],
  ["TIMESTAMP_MS", "'2024-07-01 12:00:00.5'", "timestamp without time zone", "2024-07-01 12:00:00.5"],
  ["TIMESTAMP_NS", "'2024-07-01 12:00:00.123456789'", "text", "2024-07-01 12:00:00.123456789"],
  ["TIMESTAMPTZ", "'2024-07-01 12:00:00+02'", "timestamp with time zone", "2024-07-01 10:00:00+00"],
  ["BLOB", "'\\x00\\xFFa'", "bytea", "\\x00ff61"],
  ["INTERVAL", "INTERVAL '1 month 2 days'", "text", "1 month 2 days"],
  ["BIT", "'0101'", "text", "0101"],
  ["JSON", "'{\"a\": 12345678901234567890.5}'", "json", '{"a": 12345678901234567890.5}'],
  ["INTEGER[]", "[1, NULL]", "json", "[1,null]"],
  ["STRUCT(a BIGINT, b VARCHAR)", "{a: 9007199254740993, b: 'x'}", "json", '{"a":9007199254740993,"b":"x"}'],
  ["MAP(VARCHAR, INTEGER)", "MAP {'a': 1}", "json", '[["a",1]]'],
];

describe.skipIf(noPostgres)("columns of PostgreSQL", () => {
  it("have every value of a view, exactly", async () => {
    const duck = await Duck.open({ threads: 1 });
    const session = await duck.session();
    const to = tableOf();
    const list = values.map(([type, sql], i) => `CAST(${sql} AS ${type}) AS c${i}`);
    const described = await session.read(`DESCRIBE SELECT 1 AS k, ${list.join(", ")}`);
    const columns = described.getRowObjectsJson().map((each) => ({
      name: String(each.column_name),
      type: String(each.column_type),
    }));
    const view = viewOf(columns);
    const nulls = list.map((_, i) => `NULL AS c${i}`);
    const text = `SELECT 1 AS k, ${list.join(", ")} UNION ALL SELECT 2 AS k, ${nulls.join(", ")}`;
    const target = await PostgresTableTarget.open({ name: "own", owner: "values", to });
    await target.take(view);
    const rows = () => keyedRowsOf(session, view, { text, params: [] });
    await target.fill({ view, rows: rows() }, { position: "p@0:1", identity: "i" });
    const name = `"public"."Odd ""t"" ${made}"`;
    for (const [i, [type, , column, wanted]] of values.entries()) {
      const found = await postgres.sql(
        `SET timezone = 'UTC'; SELECT c${i}::text FROM ${name} WHERE k = 1;
         SELECT c${i} IS NULL FROM ${name} WHERE k = 2;
         SELECT format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = '${name}'::regclass AND attname = 'c${i}'`,
      );
      expect(found.trimEnd().split("\n"), type).toEqual([wanted, "t", column]);
    }
    expect(await target.compare(async () => ({ view, rows: rows() }))).toMatchObject({
      missing: 0,
      extra: 0,
      other: 0,
    });
    await target.close();
    session.close();
    duck.close();
  });

  it("follow a view that changes, and leave alone what is not ours", async () => {
    const search = { name: "found", of: ["note"], language: "english" };
    const to = tableOf(search);
    const name = `"public"."Odd ""t"" ${made}"`;
    const owner = "changing";
    const shapes: readonly (readonly [TableTarget["search"], readonly Partial<ViewColumn>[]])[] = [
      [
        search,
        [
          { name: "k", type: "VARCHAR" },
          { name: "note", type: "VARCHAR" },
        ],
      ],
      [
        null,
        [
          { name: "k", type: "VARCHAR" },
          { name: "note", type: "BIGINT" },
          { name: "select", type: "DATE" },
        ],
      ],
      [
        { ...search, of: ["k"] },
        [
          { name: "k", type: "VARCHAR" },
          { name: "select", type: "DATE" },
        ],
      ],
      [
        { ...search, of: ["note", "k"], language: "simple" },
        [
          { name: "k", type: "VARCHAR" },
          { name: "note", type: "VARCHAR" },
        ],
      ],
    ];
    for (const [i, [own, columns]] of shapes.entries()) {
      const target = await PostgresTableTarget.open({ name: "own", owner, to: { ...to, search: own } });
      const view = viewOf(columns);
      expect(await target.take(view)).toEqual({ position: null, identity: null });
      const all = Object.fromEntries(
        columns.map(({ name: each, type }) => [each!, type === "VARCHAR" ? "running" : null]),
      );
      const rows = [{ key: '{"k":"running"}', row: JSON.stringify(all) }];
      await target.fill(filling(rows, view), { position: "p@0:1", identity: String(i) });
      if (i === 0) await postgres.sql(`ALTER TABLE ${name} ADD mine int DEFAULT 7; CREATE INDEX mine ON ${name} (k)`);
      const found = await postgres.sql(`SELECT row_to_json(t) FROM ${name} t`);
      const { tidemark_key: _key, found: words, ...rest } = JSON.parse(found) as Record<string, unknown>;
      expect(rest).toEqual({ ...all, mine: 7 });
      expect(words).toBe(own === null ? undefined : own.language === "english" ? "'run':1" : "'running':1,2");
      await target.apply([], [rows[0]!.key], "p@0:2");
      await target.apply(rows, [], "p@0:3");
      expect(await target.take(view)).toMatchObject({ position: "p@0:3" });
      await target.close();
    }
    const kept = await postgres.sql(`SELECT count(*) FROM pg_class WHERE relname = 'mine' AND relkind = 'i'`);
    expect(kept.trim()).toBe("1");
    const refused = async (columns: readonly Partial<ViewColumn>[], to_ = to) => {
      const target = await PostgresTableTarget.open({ name: "own", owner, to: to_ });
      await expect(target.take(viewOf(columns))).rejects.toMatchObject({ code: "CONSUMER_TARGET" });
      await target.close();
    };
    await refused([{ name: "x".repeat(64), type: "DATE" }]);
    await refused([
      { name: "tidemark_key", type: "VARCHAR" },
      { name: "note", type: "VARCHAR" },
    ]);
    await refused([{ name: "note", type: "BIGINT" }]);
    await postgres.sql("CREATE TABLE theirs (a int)");
    await refused([{ name: "k", type: "DATE" }], { ...to, search: null, table: "theirs" });
  });

  it("say which value they can't have, and nothing is written then", async () => {
    const to = tableOf();
    const target = await PostgresTableTarget.open({ name: "own", owner: "nul", to });
    await target.take(plain);
    await target.fill(filling([row("a", 1)]), { position: "p@0:1", identity: "i" });
    const nul = [row("b", 1), row("\0", 1)];
    await expect(target.apply(nul, [row("a", 1).key], "p@0:2")).rejects.toMatchObject({ code: "CONSUMER_VALUE" });
    expect(await target.stated()).toMatchObject({ position: "p@0:1" });
    expect(await target.compare(async () => filling([row("a", 1)]))).toMatchObject({ missing: 0, extra: 0, other: 0 });
    await target.close();
  });
});
