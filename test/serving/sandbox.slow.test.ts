/**
 * SQL that wants out of its sandbox, or more than it may have: none of it succeeds, the server lives, and
 * others hardly notice.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queryLimits } from "../../serving/sql/queries.ts";
import { percentile } from "../faults/measure.ts";
import { World } from "../pipeline/world.ts";
import { someOf } from "../support/share.ts";
import { stream } from "../support/view-case.ts";
import { type Api, openApi } from "./api.ts";
import { catalogTables } from "./sandbox/judged.ts";

const secret = "the-secret-of-this-test";
const secondsMax = 2;
const residentMax = 512 << 20;
/** What a kill may take after the deadline, ms, as seen by the client beside other work. */
const killMsMax = 100;
/** The kernel's limit is on data; a process's code and mapped files come on top. */
const slackMax = 100 << 20;

describe("SQL from outside", () => {
  let world: World;
  let api: Api;
  let folder: string;
  let reached = 0;
  const server = createServer((_request, response) => {
    reached++;
    response.end("n\n1\n");
  });
  let port = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tidemark-escape-"));
    writeFileSync(join(folder, "secret.csv"), `a\n${secret}\n`);
    process.env.TIDEMARK_TEST_SECRET = secret;
    world = await World.open({
      stream: { ...stream("events", { g: "VARCHAR", x: "BIGINT" }), partitions: 1 },
      views: { groups: "SELECT g, count(*) AS n FROM events GROUP BY g", hidden: "SELECT sum(x) AS s FROM events" },
    });
    await world.firstVersion();
    await world.append([{ partition: 0, value: '{"g":"a","x":1}', valid: true }]);
    await world.runBatch();
    api = await openApi(world, { limits: { ...queryLimits, secondsMax, residentMax } });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });

  afterAll(async () => {
    server.close();
    await api.close();
    await world.close();
    rmSync(folder, { recursive: true });
  });

  const ask = async (sql: string, remoteAddress = "10.0.0.1") => {
    const response = await api.app.inject({
      method: "POST",
      url: "/v1/query",
      headers: { "content-type": "application/json" },
      payload: JSON.stringify({ sql }),
      remoteAddress,
    });
    return { status: response.statusCode, body: response.body };
  };
  const alive = async () => expect((await ask("SELECT n FROM groups", "10.0.0.9")).body).toContain('"n":1');

  it("can't escape", { timeout: 120_000 }, async () => {
    const file = join(folder, "secret.csv");
    const out = join(folder, "written");
    const url = `http://127.0.0.1:${port}/x.csv`;
    const all = [
      ...escapes({ file, out, url, folder, root: world.folder.root }),
      ...catalogTables.flatMap((name) => underItsName(name).slice(0, 2)),
      ...[file, url, `${world.folder.root}/format.json`].flatMap((name) => underItsName(name)),
    ];
    const before = readdirSync(folder).join();
    for (const sql of all) {
      const { status, body } = await ask(sql);
      expect(status, `${sql}\n${body}`).toBeGreaterThanOrEqual(400);
      expect(status, `${sql}\n${body}`).toBeLessThan(500);
      expect(body, sql).not.toContain(secret);
    }
    expect(readdirSync(folder).join()).toBe(before);
    expect(existsSync(out)).toBe(false);
    expect(readFileSync(file, "utf8")).toContain(secret);
    expect(reached).toBe(0);
    await alive();
    process.stdout.write(`sandbox: N=${all.length} ways out, none of them open\n`);
  });

  it("can't exhaust it", { timeout: 300_000 }, async () => {
    const slow: number[] = [];
    const quickest = await others(40);
    let most = 0;
    let resident = 0;
    const poll = setInterval(() => {
      resident = Math.max(resident, ...childrenResident());
    }, 10);
    const wanted = someOf(exhaustions, 9);
    for (const sql of wanted) {
      const began = performance.now();
      let over = false;
      const beside = others(Number.POSITIVE_INFINITY, () => over);
      const { status, body } = await ask(sql);
      const ms = performance.now() - began;
      over = true;
      slow.push(...(await beside));
      most = Math.max(most, ms);
      expect(body, sql).toMatch(/QUERY_LIMIT|QUERY_FAILED/);
      expect(status, sql).toBeLessThan(500);
      expect(ms, sql).toBeLessThan(secondsMax * 1000 + killMsMax + 1500);
      await alive();
    }
    clearInterval(poll);
    expect(resident).toBeLessThan(residentMax + slackMax);
    const p99 = (of: readonly number[]) =>
      percentile(
        [...of].sort((a, b) => a - b),
        0.99,
      ).toFixed(0);
    process.stdout.write(
      `sandbox: N=${wanted.length} queries that want everything: the longest answered after ${most.toFixed(0)} ms, of ` +
        `${secondsMax * 1000} ms; a process had ${(resident / 2 ** 20).toFixed(0)} MB at most, of ${residentMax >> 20}; others' p99 ${p99(slow)} ms beside them (${slow.length}), ${p99(quickest)} ms alone\n`,
    );
  });

  /** Another client's point queries, in a row; how long each took, ms. */
  async function others(count: number, over: () => boolean = () => false): Promise<number[]> {
    const found: number[] = [];
    while (found.length < count && !over()) {
      const began = performance.now();
      const response = await api.app.inject({ method: "GET", url: "/v1/views/groups?g=eq.a" });
      expect(response.statusCode).toBe(200);
      found.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return found;
  }
});

/** Resident bytes of this process's children. */
function childrenResident(): number[] {
  try {
    const pids = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
    return pids.map((pid) => {
      return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
    });
  } catch {
    // one has just ended, or this system does not show it
    return [];
  }
}

interface Goals {
  readonly file: string;
  readonly out: string;
  readonly url: string;
  readonly folder: string;
  readonly root: string;
}

/** A query of WITH called as what is wanted, read where that query itself is not visible. */
function underItsName(name: string): string[] {
  const n = `"${name}"`;
  return [
    `WITH RECURSIVE ${n} AS (SELECT * FROM ${n} UNION ALL SELECT * FROM ${n} WHERE false) SELECT * FROM ${n}`,
    `WITH RECURSIVE ${n} AS (WITH x AS (SELECT * FROM ${n}) SELECT * FROM x UNION ALL SELECT * FROM ${n} WHERE false) SELECT * FROM ${n}`,
    `WITH ${n} AS (SELECT * FROM ${n}) SELECT * FROM ${n}`,
    `WITH x AS (SELECT * FROM ${n}), ${n} AS (SELECT 1 AS one) SELECT * FROM x`,
    `SELECT * FROM (WITH ${n} AS (SELECT 1 AS one) SELECT * FROM ${n}), ${n}`,
    `WITH RECURSIVE x AS (SELECT * FROM (WITH ${n} AS (SELECT 1 AS one) SELECT * FROM ${n}) UNION ALL SELECT one FROM ${n}) SELECT * FROM x`,
    `SELECT n FROM groups WHERE EXISTS (WITH RECURSIVE ${n} AS MATERIALIZED (SELECT * FROM ${n} UNION SELECT * FROM ${n}) FROM ${n})`,
  ];
}

function escapes({ file, out, url, folder, root }: Goals): string[] {
  const readers = [
    "read_csv",
    "read_csv_auto",
    "read_text",
    "read_blob",
    "read_json",
    "read_json_auto",
    "read_json_objects",
    "read_ndjson",
    "read_ndjson_auto",
    "read_ndjson_objects",
    "read_parquet",
    "parquet_scan",
    "parquet_metadata",
    "parquet_schema",
    "parquet_file_metadata",
    "parquet_kv_metadata",
    "sniff_csv",
    "glob",
    "read_duckdb",
  ];
  const tables = [
    "duckdb_settings()",
    "duckdb_secrets()",
    "duckdb_extensions()",
    "duckdb_databases()",
    "duckdb_tables()",
    "duckdb_views()",
    "duckdb_columns()",
    "duckdb_functions()",
    "duckdb_logs()",
    "duckdb_temporary_files()",
    "duckdb_memory()",
    "duckdb_variables()",
    "duckdb_external_file_cache()",
    "pragma_database_size()",
    "pragma_platform()",
    "pragma_version()",
    "pragma_storage_info('groups')",
    "test_all_types()",
    "sql_auto_complete('SEL')",
    "which_secret('x', 's3')",
  ];
  const catalogs = [
    "information_schema.tables",
    "pg_catalog.pg_class",
    "duckdb_views",
    "sqlite_master",
    "main.groups",
    "memory.main.groups",
    "temp.main.x",
    "system.main.duckdb_tables",
  ];
  return [
    ...readers.map((reader) => `SELECT * FROM ${reader}('${file}')`),
    ...readers.slice(0, 4).map((reader) => `SELECT * FROM (SELECT * FROM ${reader}('${root}/format.json'))`),
    `SELECT * FROM '${file}'`,
    `SELECT * FROM "${file}"`,
    `FROM '${root}/versions/files'`,
    `SELECT * FROM '${url}'`,
    `SELECT * FROM read_csv('${url}')`,
    `SELECT * FROM read_parquet('s3://bucket/x.parquet')`,
    `WITH "${file}" AS (SELECT 1) SELECT (SELECT 1) UNION ALL SELECT * FROM (SELECT * FROM "${file}.csv")`,
    `SELECT (SELECT content FROM read_text('${file}'))`,
    `SELECT * FROM groups WHERE g IN (SELECT content FROM read_text('${file}'))`,
    `SELECT * FROM groups, LATERAL (SELECT * FROM read_text('${file}'))`,
    `SELECT count(*) FILTER (WHERE EXISTS (FROM read_text('${file}'))) FROM groups`,
    `SELECT n FROM groups ORDER BY (SELECT content FROM read_text('${file}'))`,
    `SELECT n FROM groups LIMIT (SELECT count(*) FROM read_text('${file}'))`,
    `SELECT sum(n) OVER (ORDER BY (SELECT size FROM read_text('${file}'))) FROM groups`,
    `SELECT list_transform([1], x -> (SELECT content FROM read_text('${file}')))`,
    `WITH RECURSIVE t AS (SELECT content FROM read_text('${file}') UNION ALL FROM t) SELECT * FROM t`,
    `VALUES ((SELECT content FROM read_text('${file}')))`,
    `SELECT * FROM query('SELECT * FROM read_text(''${file}'')')`,
    `SELECT * FROM query_table('${file}')`,
    `SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))`,
    `SELECT * FROM groups TABLESAMPLE (SELECT 1)`,
    ...tables.map((call) => `SELECT * FROM ${call}`),
    ...catalogs.map((name) => `SELECT * FROM ${name}`),
    "SHOW TABLES",
    "DESCRIBE groups",
    "SUMMARIZE groups",
    "FROM (SHOW ALL TABLES)",
    "EXPLAIN ANALYZE SELECT 1",
    `COPY groups TO '${out}'`,
    `COPY (SELECT 1) TO '${out}' (FORMAT parquet)`,
    `EXPORT DATABASE '${out}'`,
    `ATTACH '${out}' AS x`,
    `ATTACH '${root}/log' (READ_ONLY)`,
    "DETACH memory",
    "USE temp",
    `SET temp_directory = '${folder}'`,
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "SET memory_limit = '100GB'",
    "SET threads = 64",
    "SET SESSION TimeZone = 'UTC'",
    "PRAGMA enable_profiling",
    `PRAGMA profiling_output = '${out}'`,
    "PRAGMA database_list",
    "CALL enable_logging(storage = 'file')",
    "CALL pragma_version()",
    "SELECT * FROM enable_logging(storage = 'file')",
    "SELECT * FROM enable_profiling()",
    "SELECT * FROM truncate_duckdb_logs()",
    "INSTALL httpfs",
    "LOAD httpfs",
    `LOAD '${file}'`,
    "FORCE INSTALL spatial FROM 'http://127.0.0.1'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW groups AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "INSERT INTO groups VALUES (1)",
    "UPDATE groups SET n = 1",
    "DELETE FROM groups",
    "DROP VIEW groups",
    "ALTER VIEW groups RENAME TO x",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "SELECT getenv('TIDEMARK_TEST_SECRET')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT nextval('s')",
    "SELECT write_log('x')",
    "SELECT version()",
    "SELECT system.main.current_setting('threads')",
    "SELECT json_serialize_sql('SELECT 1')",
    "SELECT sleep_ms(100)",
    "SELECT tidemark_avg(1, 2)",
    `SELECT ${"(".repeat(20_000)}1${")".repeat(20_000)}`,
    `SELECT ${"-".repeat(1)}${" -".repeat(50_000)}1`,
    `SELECT ${Array.from({ length: 2000 }, () => "(SELECT ").join("")}1${")".repeat(2000)}`,
    `SELECT ${"[".repeat(5000)}${"]".repeat(5000)}`,
    "SELECT 1; COPY groups TO '/tmp/x'",
    // a name that is another in lower case for us, and not for DuckDB
    'WITH "duc\u212Adb_views" AS (SELECT 1) SELECT * FROM duckdb_views',
    'WITH "\u212Aeys" AS (SELECT 1) SELECT * FROM keys',
    "SELECT * FROM __proto__",
    "SELECT constructor(1)",
  ];
}

const exhaustions = [
  "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
  "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
  "SELECT * FROM unnest(range(100000000))",
  "SELECT count(*) FROM (SELECT unnest(range(100000000)))",
  "SELECT length(repeat('x', 2000000000))",
  "SELECT length(repeat(repeat('x', 1000000), 100000))",
  "SELECT list_sum(range(100000000))",
  "SELECT len(list_transform(range(50000000), x -> repeat('y', 100)))",
  "SELECT list(r ORDER BY r DESC) FROM (SELECT random() AS r FROM range(50000000))",
  "SELECT string_agg(md5(i::VARCHAR), ',') FROM range(100000000) r(i)",
  "SELECT count(DISTINCT md5(i::VARCHAR)) FROM range(100000000) r(i)",
  "SELECT median(hash(i)) FROM range(200000000) r(i)",
  "SELECT i, row_number() OVER (ORDER BY hash(i)) AS r FROM range(100000000) r(i) ORDER BY r DESC LIMIT 1",
  "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
  "WITH RECURSIVE t AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM t) SELECT length(max(s)) FROM t",
  "SELECT a.i FROM range(5000000) a(i) ORDER BY hash(a.i), repeat('z', 500) || a.i LIMIT 1 OFFSET 4999999",
  "SELECT regexp_matches(repeat('a', 100000) || 'b', '(a+)+c') OR bool_or(regexp_matches(repeat('a', 20000) || i, '(a|aa)+(a|aa)+[0-9]$')) FROM range(1000000000) r(i)",
  "SELECT histogram(i::VARCHAR || random()) FROM range(50000000) r(i)",
  "SELECT max(length(lpad('x', 100000000, i::VARCHAR))) FROM range(100000) r(i)",
  "SELECT to_json(list(range(100000))) FROM range(100000)",
  "SELECT count(*) FROM groups a, range(100000000) b, range(100000000) c WHERE a.n = b.range + c.range + 1",
];
