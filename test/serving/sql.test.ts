/** SQL over HTTP: joins at one snapshot, parameters, MEASURE in any grouping, and what is refused with a reason. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queryLimits } from "../../serving/sql/queries.ts";
import { scratchOf } from "../support/scratch.ts";
import { type Api, openApi } from "./api.ts";
import { type Flown, fly } from "./flights.ts";

const views = {
  delays:
    "SELECT date_trunc('hour', \"at\") AS hour, carrier, lower(carrier) AS small, count(*) AS flights, avg(delay) AS mean, " +
    "median(delay) AS middle, count(DISTINCT origin) AS origins FROM flights GROUP BY 1, 2",
  origins: "SELECT origin, count(*) AS flights FROM flights GROUP BY ALL",
  often: "SELECT carrier, origin, count(*) AS n FROM flights GROUP BY ALL HAVING count(*) > 1",
  named: "SELECT carrier, count(*) AS n FROM flights GROUP BY carrier HAVING carrier <> 'CC'",
  total: "SELECT count(*) AS n FROM flights",
  casts: "SELECT origin, sum(carrier::BIGINT) AS n FROM flights GROUP BY ALL",
};

describe("SQL over HTTP", () => {
  let flown: Flown;
  let api: Api;

  beforeAll(async () => {
    flown = await fly(views);
    api = await openApi(flown.world, { limits: { ...queryLimits, children: 1, rowsMax: 1000, bytesMax: 20_000 } });
  });

  afterAll(async () => {
    await api.close();
    await flown.writer.close();
    await flown.world.close();
  });

  const post = (payload: unknown, headers: Record<string, string> = {}) =>
    api.app.inject({
      method: "POST",
      url: "/v1/query",
      headers: { "content-type": "application/json", ...headers },
      payload: typeof payload === "string" ? payload : JSON.stringify(payload),
    });
  const ask = async (sql: string, params: unknown[] = []) => {
    const response = await post({ sql, params });
    const body = response.json<{ data: Record<string, unknown>[]; code: string; detail: string }>();
    return response.statusCode === 200 ? body.data : `${response.statusCode} ${body.code}: ${body.detail}`;
  };

  it.each<[string, unknown[], unknown]>([
    ["SELECT * FROM total", [], [{ n: 7 }]],
    ["SELECT 1 + 1 AS two", [], [{ two: 2 }]],
    ["SELECT sum(flights) AS n FROM delays", [], [{ n: 7 }]],
    [
      "SELECT o.origin, t.n FROM origins o, total t WHERE o.flights = ? ORDER BY ALL",
      [3],
      [
        { origin: "JFK", n: 7 },
        { origin: "SFO", n: 7 },
      ],
    ],
    [
      "SELECT count(*) AS n FROM delays WHERE carrier = $who AND hour < $2::TIMESTAMP".replace("$who", "$1"),
      ["AA", "2026-01-02"],
      [{ n: 2 }],
    ],
    ["SELECT ? AS a, ? AS b, ? AS c, ? AS d", [1.5, true, null, "x"], [{ a: 1.5, b: true, c: null, d: "x" }]],
    [
      "WITH top AS (SELECT carrier, sum(flights) AS n FROM delays GROUP BY carrier) SELECT carrier, rank() OVER (ORDER BY n DESC) AS place FROM top ORDER BY ALL LIMIT 1",
      [],
      [{ carrier: "AA", place: 1 }],
    ],
    [
      "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT sum(n) AS s FROM t",
      [],
      [{ s: 10 }],
    ],
    [
      "SELECT list_transform([1, 2], x -> x + 1) AS l, (SELECT max(flights) FROM origins) AS m",
      [],
      [{ l: [2, 3], m: 3 }],
    ],
    ["FROM range(3) r(i), (VALUES (1)) v(j) SELECT sum(i + j) AS s", [], [{ s: 6 }]],
    ["SELECT count(*) AS n FROM delays WHERE hour > now() - INTERVAL '100 years'", [], [{ n: 6 }]],
    ["SELECT 'read_csv(''x'')' AS text -- FROM 'x.csv'", [], [{ text: "read_csv('x')" }]],
  ])("%s", async (sql, params, expected) => expect(await ask(sql, params)).toEqual(expected));

  it.each<[string, unknown]>([
    [
      "SELECT carrier, MEASURE(flights) AS flights, MEASURE(mean) AS mean, MEASURE(middle) AS middle, MEASURE(origins) AS origins FROM delays GROUP BY carrier ORDER BY carrier",
      [
        { carrier: "AA", flights: 4, mean: 9.5, middle: 3.5, origins: 2 },
        { carrier: "BB", flights: 2, mean: 7.5, middle: 7.5, origins: 1 },
        { carrier: "CC", flights: 1, mean: 100, middle: 100, origins: 1 },
      ],
    ],
    ["SELECT MEASURE(flights), measure(origins) FROM delays", [{ flights: 7, origins: 3 }]],
    [
      "SELECT date_trunc('month', hour) AS month, MEASURE(middle) AS middle FROM delays GROUP BY 1 ORDER BY month DESC",
      [
        { month: "2026-02-01 00:00:00", middle: 54 },
        { month: "2026-01-01 00:00:00", middle: 5 },
      ],
    ],
    [
      "SELECT d.carrier = 'AA' AS ours, round(100.0 * MEASURE(d.flights) / 7, 1) AS share FROM delays AS d GROUP BY ALL ORDER BY ours",
      [
        { ours: false, share: 42.9 },
        { ours: true, share: 57.1 },
      ],
    ],
    [
      "SELECT carrier FROM delays WHERE hour < '2026-02-01' GROUP BY carrier HAVING MEASURE(flights) > 1",
      [{ carrier: "AA" }],
    ],
    [
      "SELECT carrier AS c, MEASURE(mean) AS m FROM delays GROUP BY c ORDER BY MEASURE(mean) DESC LIMIT 1",
      [{ c: "CC", m: 100 }],
    ],
    ["SELECT max(m) AS most FROM (SELECT carrier, MEASURE(flights) AS m FROM delays GROUP BY carrier)", [{ most: 4 }]],
    [
      "SELECT a.carrier, a.m, o.n FROM (SELECT carrier, MEASURE(flights) AS m FROM delays GROUP BY carrier) a JOIN (SELECT MEASURE(flights) AS n FROM origins) o ON true WHERE a.m > 2",
      [{ carrier: "AA", m: 4, n: 7 }],
    ],
    [
      "SELECT carrier, MEASURE(n) AS n FROM often GROUP BY carrier ORDER BY carrier",
      [
        { carrier: "AA", n: 3 },
        { carrier: "BB", n: 2 },
      ],
    ],
    [
      "SELECT carrier, rank() OVER (ORDER BY MEASURE(flights)) AS place FROM delays GROUP BY carrier ORDER BY place LIMIT 1",
      [{ carrier: "CC", place: 1 }],
    ],
    ['SELECT 1 AS a, 2 AS a, 3 AS "A", 4 AS a_1', [{ a: 1, a_1: 2, A: 3, a_1_1: 4 }]],
  ])("%s", async (sql, expected) => expect(await ask(sql)).toEqual(expected));

  it.each([
    ["SELEC 1", /^400 QUERY_FAILED: .*syntax error/],
    ["DELETE FROM total", /^400 QUERY_FAILED: not a SELECT; correct the SQL$/],
    ["PRAGMA version", /^400 QUERY_FAILED: not a SELECT; correct the SQL$/],
    ["SELECT nothing FROM total", /^400 QUERY_FAILED: .*"nothing" not found/],
    ["SELECT 'x'::INTEGER", /^400 QUERY_FAILED: Conversion Error/],
    ["SELECT * FROM casts", /^503 SERVE_VIEW_FAILED: view "casts" fails on valid events/],
    ["SELECT 1; SELECT 2", /^403 QUERY_REFUSED: there are several statements/],
    ["", /^400 USAGE: body.sql must NOT have fewer than 1 characters; see \/openapi.json$/],
    ["--", /^403 QUERY_REFUSED: there is no query/],
    [
      "SELECT * FROM nothing",
      /^403 QUERY_REFUSED: there is no view "nothing"; there are: delays, origins, often, named, total, casts$/,
    ],
    ["SELECT * FROM main.total", /^403 QUERY_REFUSED: there is no view "main.total"/],
    [
      "SELECT i FROM range(2000) r(i)",
      /^422 QUERY_LIMIT: the answer has more than 1000 rows; ask for fewer with LIMIT/,
    ],
    ["SELECT repeat('x', 30000) AS x", /^422 QUERY_LIMIT: the answer has more than 20000 bytes/],
    [
      "SELECT mean, MEASURE(flights) FROM delays GROUP BY mean",
      /^403 QUERY_REFUSED: "mean" is not a group key of view "delays"/,
    ],
    [
      "SELECT carrier, MEASURE(flights) FROM delays",
      /^403 QUERY_REFUSED: "carrier" is neither in GROUP BY nor within MEASURE; group by it, or write MEASURE\(carrier\)$/,
    ],
    [
      "SELECT carrier, sum(flights), MEASURE(flights) FROM delays GROUP BY carrier",
      /^403 QUERY_REFUSED: "flights" is neither/,
    ],
    [
      "SELECT carrier, count(*), MEASURE(flights) FROM delays GROUP BY carrier",
      /^403 QUERY_REFUSED: an aggregate beside MEASURE/,
    ],
    ["SELECT MEASURE(small) FROM delays", /^403 QUERY_REFUSED: "small" depends on group keys, and is not a measure/],
    ["SELECT MEASURE(flights + 1) FROM delays", /^403 QUERY_REFUSED: MEASURE takes one column/],
    ["SELECT MEASURE(other) FROM delays", /^403 QUERY_REFUSED: view "delays" has no column "other"/],
    [
      "SELECT MEASURE(n) FROM total",
      /^403 QUERY_REFUSED: MEASURE is not available for view "total": it has GROUPING SETS, or no group keys/,
    ],
    ["SELECT MEASURE(n) FROM named", /^403 QUERY_REFUSED: MEASURE is not available for view "named": its HAVING/],
    [
      "SELECT MEASURE(flights) FROM delays JOIN origins USING (flights)",
      /^403 QUERY_REFUSED: MEASURE needs one view after FROM/,
    ],
    [
      "SELECT MEASURE(flights) FROM delays WHERE MEASURE(flights) > 1",
      /^403 QUERY_REFUSED: MEASURE is not allowed in WHERE/,
    ],
    [
      "SELECT carrier, MEASURE(flights) FROM delays GROUP BY ROLLUP (carrier)",
      /^403 QUERY_REFUSED: MEASURE in GROUPING SETS/,
    ],
    [
      "WITH x AS (SELECT * FROM delays), delays AS (SELECT * FROM x WHERE carrier = 'AA') SELECT MEASURE(flights) FROM delays",
      /^403 QUERY_REFUSED: MEASURE needs one view after FROM/,
    ],
    ["SELECT MEASURE(flights) FROM delays TABLESAMPLE 10%", /^403 QUERY_REFUSED: MEASURE needs one view after FROM/],
    ["SELECT MEASURE(flights)", /^403 QUERY_REFUSED: MEASURE needs one view after FROM/],
  ])("%s is refused", async (sql, why) => expect(await ask(sql)).toMatch(why));

  it("answers at a stated position, in the form that is accepted, and covers what is waited for", async () => {
    const json = await post({ sql: "SELECT n FROM total" });
    expect(json.headers).toMatchObject({ "tidemark-position": "flights@0:4,1:3", "tidemark-version": "1" });
    expect(json.json()).toMatchObject({ meta: { position: "flights@0:4,1:3", events: { batch: 4, speed: 3 } } });
    const csv = await post({ sql: "SELECT n FROM total" }, { accept: "text/csv" });
    expect(csv.body).toBe("n\r\n7\r\n");
    const late = await post({ sql: "SELECT 1" }, { "tidemark-wait-for": "flights@0:9,1:9" });
    expect(late.statusCode).toBe(504);
    await flown.send(["DD", "2026-03-01 00:00:00", 1, "LAX"]);
    await api.follower.tick();
    expect(await ask("SELECT n FROM total")).toEqual([{ n: 8 }]);
  });

  it("answers as Parquet with every digit, whatever the types, and leaves nothing behind", async () => {
    const file = join(flown.world.dir, "sent.parquet");
    const parquet = async (sql: string) => {
      const response = await post({ sql }, { accept: "application/vnd.apache.parquet" });
      if (response.statusCode !== 200) return `${response.statusCode} ${response.json<{ code: string }>().code}`;
      expect(response.headers["content-type"]).toBe("application/vnd.apache.parquet");
      writeFileSync(file, response.rawPayload);
      return flown.world.oracle.rows(`SELECT * FROM read_parquet('${file}')`);
    };
    expect(await parquet("SELECT n FROM total")).toEqual([{ n: 8n }]);
    const value = "12345678901234567890123456789012345678";
    const [row, ...others] = (await parquet(
      `SELECT ${value}::HUGEINT AS h, 1.25::DECIMAL(9,2) AS d, [1, NULL] AS l, {'a b': 1} AS s, 'x'::ENUM('x', 'y"') AS e, NULL AS nothing,
         TIMESTAMPTZ '2026-01-01 00:00:00+00' AS at, 1 AS twice, 2 AS twice, map {'k': 1} AS m, 'ü"' AS "a ""name""", true AS b`,
    )) as Record<string, unknown>[];
    expect(others).toEqual([]);
    expect(String(row!.h)).toBe(value);
    expect(String(row!.d)).toBe("1.25");
    expect(String(row!.l)).toBe("[1, NULL]");
    expect([row!.e, row!.nothing, row!['a "name"'], row!.b, row!.twice]).toEqual(["x", null, 'ü"', true, 1]);
    expect(Object.keys(row!)).toHaveLength(12);
    expect(await parquet("SELECT n FROM total WHERE false")).toEqual([]);
    // by place, not by name; and within whatever holds them
    const h = `${value}::HUGEINT`;
    const alike = (await parquet(
      `SELECT 1 AS a, ${h} AS a, 'x' AS "A", [${h}] AS l, {'HUGEINT': ${h}} AS s, INTERVAL '1.000001 s' AS i`,
    )) as Record<string, unknown>[];
    expect(Object.values(alike[0]!).map(String)).toEqual([
      "1",
      value,
      "x",
      `[${value}]`,
      `{'HUGEINT': ${value}}`,
      "00:00:01.000001",
    ]);
    expect(await parquet("SELECT * FROM range(2000)")).toBe("422 QUERY_LIMIT");
    expect(await parquet("SELECT md5(range::VARCHAR) AS m FROM range(1000)")).toBe("422 QUERY_LIMIT");
    expect(scratchOf(flown.world.store).filter((name) => name.endsWith("-answer"))).toEqual([]);
  });

  it.each([
    ['{"sql": 1}', "400 body.sql must be string; see /openapi.json"],
    ["[]", "400 body must be object"],
    ["{", "400 the body is not JSON; send"],
    ['{"sql": "SELECT 1", "limit": 3}', '400 body must not have "limit"; see /openapi.json'],
    ['{"sql": "SELECT ?", "params": [[1]]}', "400 body.params.0 must be string,number,boolean,null"],
    ['{"sql": "SELECT 1", "__proto__": {"x": 1}}', '400 body must not have "__proto__"; see /openapi.json'],
    [
      '{"sql": "SELECT 1", "constructor": {"prototype": {"x": 1}}}',
      '400 body must not have "constructor"; see /openapi.json',
    ],
    [
      '{"sql": "SELECT ?"}',
      "400 Invalid Input Error: Values were not provided for the following prepared statement parameters: 1",
    ],
  ])("%s is refused", async (payload, expected) => {
    const response = await post(payload);
    expect(`${response.statusCode} ${response.json<{ detail: string }>().detail}`).toMatch(
      new RegExp(`^${expected.replace(/[[\]{}]/g, "\\$&")}`),
    );
  });

  it("takes JSON only, and knows no GET", async () => {
    expect(
      (
        await api.app.inject({
          method: "POST",
          url: "/v1/query",
          headers: { "content-type": "application/x-ndjson" },
          payload: "{}",
        })
      ).statusCode,
    ).toBe(415);
    expect((await api.app.inject({ method: "GET", url: "/v1/query" })).statusCode).toBe(405);
  });
});
