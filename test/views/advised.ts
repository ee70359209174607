/** What the compiler refuses, and what it says to write instead: see advice.test.ts. */

/**
 * `same`: the rows are those of what was refused. `other`: the advice promises none. A query over the view or
 * views: the same after it.
 */
type Promised = "same" | "other" | { readonly query: string };
/** The view as the advice says, or several by name; the query calls a single one `v`. */
export type Instead = string | Readonly<Record<string, string>>;
type Line = readonly [refused: string, instead: Instead, promised: Promised];

const perG = "SELECT g, count(*) AS n FROM events GROUP BY g";

export const lines: readonly Line[] = [
  // the file
  ["", perG, "other"],
  ["INSERT INTO events VALUES (1)", perG, "other"],
  [`${perG}; SELECT max(i) AS m FROM events`, { a: perG, b: "SELECT max(i) AS m FROM events" }, "other"],
  [
    `${perG} UNION ALL SELECT 'all', count(*) FROM events`,
    { a: perG, b: "SELECT 'all' AS g, count(*) AS n FROM events" },
    { query: "FROM a UNION ALL FROM b" },
  ],
  [
    "SELECT g, count(*) AS n FROM events WHERE i = ? GROUP BY g",
    "SELECT g, count(*) AS n FROM events WHERE i = 3 GROUP BY g",
    "other",
  ],
  // the whole
  [`${perG} ORDER BY n`, perG, { query: "FROM v ORDER BY n" }],
  [`${perG} LIMIT 100`, perG, { query: "FROM v LIMIT 100" }],
  ["SELECT DISTINCT g, b FROM events", "SELECT g, b FROM events GROUP BY g, b", "same"],
  [
    "SELECT DISTINCT count(*) AS n FROM events GROUP BY g",
    "SELECT g, count(*) AS n FROM events GROUP BY g",
    { query: "SELECT DISTINCT n FROM v" },
  ],
  [
    `${perG} QUALIFY row_number() OVER (ORDER BY count(*) DESC, g) = 1`,
    perG,
    { query: "FROM v QUALIFY row_number() OVER (ORDER BY n DESC, g) = 1" },
  ],
  [
    "SELECT count(*) AS n FROM events USING SAMPLE 10",
    "SELECT count(*) AS n FROM events WHERE hash(i) % 100 = 0",
    "other",
  ],
  [
    "SELECT count(*) AS n FROM events TABLESAMPLE 10%",
    "SELECT count(*) AS n FROM events WHERE hash(i) % 100 = 0",
    "other",
  ],
  ["SELECT g FROM events", "SELECT g FROM events GROUP BY g", "other"],
  ["SELECT g FROM events", "SELECT count(*) AS n FROM events", "other"],
  // expressions
  [
    "SELECT g, sum(count(*)) OVER (ORDER BY g) AS n FROM events GROUP BY g",
    perG,
    { query: "SELECT g, sum(n) OVER (ORDER BY g) AS n FROM v" },
  ],
  [
    "SELECT count(*) AS n FROM events WHERE i = (SELECT max(i) FROM events)",
    { a: "SELECT i, count(*) AS n FROM events GROUP BY i", b: "SELECT max(i) AS m FROM events" },
    { query: "SELECT sum(n)::BIGINT AS n FROM a, b WHERE i = m" },
  ],
  [
    "SELECT *, count(*) AS n FROM (SELECT g, i FROM events) GROUP BY ALL",
    "SELECT g, i, count(*) AS n FROM (SELECT g, i FROM events) GROUP BY ALL",
    "same",
  ],
  ["SELECT #1, count(*) AS n FROM events GROUP BY #1", perG, "same"],
  [
    "SELECT g COLLATE NOCASE AS k, count(*) AS n FROM events GROUP BY k",
    "SELECT lower(g) AS k, count(*) AS n FROM events GROUP BY k",
    "other",
  ],
  ["SELECT max(sum(i)) AS m FROM events", "SELECT g, sum(i) AS s FROM events GROUP BY g", "other"],
  [
    "SELECT unnest(l) AS x, count(*) AS n FROM events GROUP BY x",
    "SELECT x, count(*) AS n FROM (SELECT unnest(l) AS x FROM events) GROUP BY x",
    "other",
  ],
  [
    "SELECT date_trunc('day', now()) AS x, count(*) AS n FROM events GROUP BY x",
    "SELECT date_trunc('day', ts) AS x, count(*) AS n FROM events GROUP BY x",
    "other",
  ],
  [
    "SELECT tidemark_avg(i, 2) AS m, count(*) AS n FROM events GROUP BY m",
    "SELECT i / 2 AS m, count(*) AS n FROM events GROUP BY m",
    "other",
  ],
  // names
  [
    "SELECT current_date AS x, count(*) AS n FROM events GROUP BY x",
    "SELECT day AS x, count(*) AS n FROM events GROUP BY x",
    "other",
  ],
  [
    "SELECT upper(g) AS user, count(*) AS n FROM events GROUP BY user",
    "SELECT upper(g) AS who, count(*) AS n FROM events GROUP BY who",
    "other",
  ],
  ["SELECT max(rowid) AS r FROM events", "SELECT max(i) AS r FROM events", "other"],
  ["SELECT count(events) AS n FROM events", "SELECT count(g) AS n FROM events", "other"],
  ["SELECT temp.main.events.g AS g, count(*) AS n FROM events GROUP BY 1", perG, "other"],
  ["SELECT g AS __g, count(*) AS n FROM events GROUP BY 1", perG, "same"],
  [
    "SELECT g AS x, count(*) AS x FROM events GROUP BY g",
    "SELECT g AS x, count(*) AS y FROM events GROUP BY g",
    "same",
  ],
  [
    "SELECT list_transform(l, lambda i: i + 1) AS k, count(*) AS n FROM events GROUP BY k",
    "SELECT list_transform(l, lambda q: q + 1) AS k, count(*) AS n FROM events GROUP BY k",
    "same",
  ],
  [
    "SELECT i, list_transform([1], lambda k0: k0 + i) AS k FROM events GROUP BY i",
    "SELECT i, list_transform([1], lambda q: q + i) AS k FROM events GROUP BY i",
    "same",
  ],
  // groups
  [
    "SELECT g, count(*) AS n FROM events e GROUP BY e.g, ROLLUP (g)",
    "SELECT g, count(*) AS n FROM events GROUP BY ROLLUP (g)",
    "other",
  ],
  [
    "SELECT g, 'x' AS c, count(*) AS n FROM events GROUP BY ROLLUP (g, 'x')",
    "SELECT g, 'x' AS c, count(*) AS n FROM events GROUP BY ROLLUP (g)",
    "other",
  ],
  [
    "SELECT [f] AS k, count(*) AS n FROM events GROUP BY k",
    "SELECT f AS k, count(*) AS n FROM events GROUP BY k",
    { query: "SELECT [k] AS k, n FROM v" },
  ],
  [
    "SELECT [f] AS k, count(*) AS n FROM events GROUP BY k",
    "SELECT [f]::VARCHAR AS k, count(*) AS n FROM events GROUP BY k",
    "same",
  ],
  [
    "SELECT ts - day AS k, count(*) AS n FROM events GROUP BY k",
    "SELECT (ts - day)::VARCHAR AS k, count(*) AS n FROM events GROUP BY k",
    { query: "SELECT k::INTERVAL AS k, n FROM v" },
  ],
  // what is read
  ["SELECT 1 AS one", "SELECT 1 AS one, count(*) AS n FROM events", "other"],
  ["SELECT count(*) AS n FROM codes", "SELECT count(*) AS n FROM events", "other"],
  ["SELECT count(*) AS n FROM read_csv('/nowhere')", "SELECT count(*) AS n FROM events", "other"],
  ["SELECT count(*) AS n FROM nosuch", "SELECT count(*) AS n FROM events", "other"],
  ["SELECT count(*) AS n FROM events AT (VERSION => 1)", "SELECT count(*) AS n FROM events", "other"],
  [
    "SELECT a, count(*) AS n FROM events AS e(a) GROUP BY a",
    "SELECT g AS a, count(*) AS n FROM events AS e GROUP BY a",
    "same",
  ],
  [
    "SELECT a.g, count(*) AS n FROM events a JOIN events b USING (i) GROUP BY a.g",
    { a: "SELECT g, i, count(*) AS n FROM events GROUP BY g, i", b: "SELECT i, count(*) AS n FROM events GROUP BY i" },
    { query: "SELECT a.g, sum(a.n * b.n)::BIGINT AS n FROM a JOIN b USING (i) GROUP BY a.g" },
  ],
  [
    "SELECT name, count(*) AS n FROM events NATURAL JOIN codes GROUP BY name",
    "SELECT name, count(*) AS n FROM events JOIN codes USING (g) GROUP BY name",
    "same",
  ],
  [
    "SELECT name, count(*) AS n FROM events POSITIONAL JOIN codes GROUP BY name",
    "SELECT name, count(*) AS n FROM events e LEFT JOIN codes c ON e.g = c.g GROUP BY name",
    "other",
  ],
  [
    "SELECT name, count(i) AS n FROM codes LEFT JOIN events USING (g) WHERE i IS NOT NULL GROUP BY name",
    "SELECT name, count(i) AS n FROM events JOIN codes USING (g) WHERE i IS NOT NULL GROUP BY name",
    "same",
  ],
  [
    "SELECT name, count(*) AS n FROM codes RIGHT JOIN (SELECT 1) ON true FULL JOIN events USING (g) GROUP BY name",
    "SELECT name, count(*) AS n FROM events LEFT JOIN codes USING (g) GROUP BY name",
    "other",
  ],
  [
    "SELECT g, count(*) AS n FROM (SELECT g FROM events UNION SELECT g FROM events) GROUP BY g",
    "SELECT g, count(*) AS n FROM (SELECT g FROM events UNION ALL SELECT g FROM events) GROUP BY g",
    "other",
  ],
  [
    "SELECT g, count(*) AS n FROM (SELECT g FROM events UNION ALL SELECT * FROM (VALUES ('a'), ('z'))) GROUP BY g",
    perG,
    {
      query:
        "SELECT g, sum(n)::BIGINT AS n FROM (FROM v UNION ALL SELECT * FROM (VALUES ('a', 1), ('z', 1))) GROUP BY g",
    },
  ],
  [
    "WITH RECURSIVE r AS (SELECT g FROM events UNION ALL SELECT g FROM r WHERE false) SELECT g, count(*) AS n FROM r GROUP BY g",
    "WITH r AS (SELECT g FROM events WHERE true) SELECT g, count(*) AS n FROM r GROUP BY g",
    "same",
  ],
  [
    "SELECT n, count(*) AS c FROM (SELECT g, count(*) AS n FROM events GROUP BY g) GROUP BY n",
    perG,
    { query: "SELECT n, count(*) AS c FROM v GROUP BY n" },
  ],
  [
    "SELECT name, first(e.i) AS f FROM events e JOIN codes c ON e.g = c.g GROUP BY name",
    "SELECT name, min(e.i) AS f FROM events e JOIN codes c ON e.g = c.g GROUP BY name",
    "other",
  ],
  [
    "SELECT name, first(e.i) AS f FROM events e JOIN codes c ON e.g = c.g GROUP BY name",
    "SELECT g, first(i) AS f FROM events GROUP BY g",
    "other",
  ],
  // aggregates
  ["SELECT list(i) AS m FROM events", "SELECT count(i) AS m FROM events", "other"],
  [
    "SELECT g, first(DISTINCT i) AS f FROM events GROUP BY g",
    "SELECT g, first(i) AS f FROM events GROUP BY g",
    "other",
  ],
  [
    "SELECT g, mode(DISTINCT i) AS f FROM events GROUP BY g",
    "SELECT g, any_value(i) AS f FROM events GROUP BY g",
    "other",
  ],
  [
    "SELECT b, corr(DISTINCT f, i) AS c, count(*) AS n FROM events GROUP BY b",
    "SELECT b, f, i, count(*) AS n FROM events GROUP BY ALL",
    { query: "SELECT b, corr(f, i) AS c, sum(n)::BIGINT AS n FROM v GROUP BY b" },
  ],
  ["SELECT string_agg(g, ', ') AS s FROM events", "SELECT string_agg(g, ', ' ORDER BY g) AS s FROM events", "other"],
  [
    "SELECT b, last(g ORDER BY i, ts) AS f FROM events WHERE i IS NOT NULL GROUP BY b",
    "SELECT b, last(g ORDER BY {i: i, ts: ts}) AS f FROM events WHERE i IS NOT NULL GROUP BY b",
    "same",
  ],
  ["SELECT g, sum(i ORDER BY ts) AS s FROM events GROUP BY g", "SELECT g, sum(i) AS s FROM events GROUP BY g", "same"],
  [
    "SELECT b, arg_min(g, i ORDER BY ts) AS s FROM events GROUP BY b",
    "SELECT b, arg_min(g, {i: i, ts: ts}) AS s FROM events WHERE i IS NOT NULL GROUP BY b",
    "same",
  ],
  [
    "SELECT b, arg_max(ts, i ORDER BY d) AS s FROM events GROUP BY b",
    "SELECT b, arg_max(ts, {i: i, d: -d}) AS s FROM events WHERE i IS NOT NULL GROUP BY b",
    "same",
  ],
  [
    "SELECT b, arg_min_null(g, i ORDER BY ts) AS s FROM events GROUP BY b",
    "SELECT b, arg_min_null(g, {i: i, ts: ts}) AS s FROM events WHERE i IS NOT NULL GROUP BY b",
    "same",
  ],
  [
    "SELECT b, arg_max_null(ts, i ORDER BY d DESC) AS s FROM events GROUP BY b",
    "SELECT b, arg_max_null(ts, {i: i, d: d}) AS s FROM events WHERE i IS NOT NULL GROUP BY b",
    "same",
  ],
  ["SELECT mode(i ORDER BY ts) AS m FROM events", "SELECT mode(i) AS m FROM events", "other"],
  [
    "SELECT b, quantile_cont(f, 0.25 ORDER BY f DESC) AS m FROM events GROUP BY b",
    "SELECT b, quantile_cont(f, 0.75) AS m FROM events GROUP BY b",
    "same",
  ],
  [
    "SELECT b, quantile_disc(i, 0.25 ORDER BY i DESC) AS m FROM events GROUP BY b",
    "SELECT b, -quantile_disc(-i, 0.25) AS m FROM events GROUP BY b",
    "same",
  ],
  ["SELECT sum(i) EXPORT_STATE AS s FROM events", "SELECT sum(i) AS s FROM events", "other"],
  ["SELECT count(DISTINCT g, i) AS n FROM events", "SELECT count(DISTINCT g) AS n FROM events", "other"],
  [
    "SELECT g, arg_min(i, d, 3) AS l FROM events GROUP BY g",
    "SELECT g, arg_min(i, d) AS l FROM events GROUP BY g",
    "other",
  ],
  ["SELECT bit_and('1010'::BIT) AS m FROM events", "SELECT bit_and('1010'::BIT::INTEGER) AS m FROM events", "other"],
  [
    "SELECT g, var_pop(abs(i)::UHUGEINT) AS v FROM events GROUP BY g",
    "SELECT g, var_pop(abs(i)::DOUBLE) AS v FROM events GROUP BY g",
    "same",
  ],
  [
    "SELECT b, regr_sxx(f, abs(i)::UHUGEINT) AS v FROM events GROUP BY b",
    "SELECT b, regr_sxx(f, abs(i)::DOUBLE) AS v FROM events GROUP BY b",
    "same",
  ],
  [
    "SELECT b, covar_pop(f, abs(i)::UHUGEINT) AS v FROM events GROUP BY b",
    "SELECT b, covar_pop(f, abs(i)::DOUBLE) AS v FROM events GROUP BY b",
    "same",
  ],
  [
    "SELECT g, first(ts - day) AS v FROM events GROUP BY g",
    "SELECT g, first((ts - day)::VARCHAR) AS f FROM events GROUP BY g",
    { query: "SELECT g, f::INTERVAL AS f FROM v" },
  ],
  [
    "SELECT g, approx_quantile(ts, 0.5) AS q FROM events GROUP BY g",
    "SELECT g, quantile_disc(ts, 0.5) AS q FROM events GROUP BY g",
    "other",
  ],
  ["SELECT approx_top_k(i, i) AS l FROM events", "SELECT approx_top_k(i, 2) AS l FROM events", "other"],
  [
    "SELECT g, max(ts - day) AS m FROM events GROUP BY g",
    "SELECT g, to_seconds(max(epoch(ts - day))) AS m FROM events GROUP BY g",
    "same",
  ],
  ["SELECT max(map([g], [i])) AS m FROM events", "SELECT max(map([g], [i])::VARCHAR) AS m FROM events", "other"],
  [
    "SELECT g, max({'f': f}) AS m FROM events WHERE f IS NOT NULL GROUP BY g",
    "SELECT g, max(f) AS m FROM events WHERE f IS NOT NULL GROUP BY g",
    { query: "SELECT g, {'f': m} AS m FROM v" },
  ],
  ["SELECT max(i, i) AS m FROM events", "SELECT max(i, 2) AS m FROM events", "other"],
  ["SELECT max(i::HUGEINT, 2) AS m FROM events", "SELECT max(i::BIGINT, 2) AS m FROM events", "same"],
  [
    "SELECT g, avg(ts - day) AS a FROM events GROUP BY g",
    "SELECT g, to_seconds(avg(epoch(ts - day))) AS a FROM events GROUP BY g",
    "same",
  ],
  [
    "SELECT g, avg(abs(i)::UHUGEINT) AS a FROM events GROUP BY g",
    "SELECT g, avg(abs(i)::DOUBLE) AS a FROM events GROUP BY g",
    "same",
  ],
  [
    "SELECT g, avg(d::DECIMAL(38,30)) AS a FROM events GROUP BY g",
    "SELECT g, avg(d::DECIMAL(38,22)) AS a FROM events GROUP BY g",
    "same",
  ],
  [
    "SELECT g, sum(abs(i)::UHUGEINT) AS s FROM events GROUP BY g",
    "SELECT g, sum(abs(i)::DOUBLE) AS s FROM events GROUP BY g",
    "same",
  ],
  ["SELECT count(DISTINCT (i, g)) AS n FROM events", "SELECT count(DISTINCT {a: i, b: g}) AS n FROM events", "same"],
  [
    "SELECT count(DISTINCT ts - day) AS n FROM events",
    "SELECT count(DISTINCT (ts - day)::VARCHAR) AS n FROM events",
    "same",
  ],
  [
    "SELECT count(DISTINCT {'f': f}) AS n FROM events WHERE f IS NOT NULL",
    "SELECT count(DISTINCT f) AS n FROM events WHERE f IS NOT NULL",
    "same",
  ],
  [
    "SELECT g, median(ts - day) AS m FROM events GROUP BY g",
    "SELECT g, to_seconds(quantile_disc(epoch(ts - day), 0.5)) AS m FROM events GROUP BY g",
    "same",
  ],
  [
    "SELECT g, median(ts::TIME) AS m FROM events GROUP BY g",
    "SELECT g, quantile_disc(ts::TIME, 0.5) AS m FROM events GROUP BY g",
    "other",
  ],
  [
    "SELECT g, median(d::DECIMAL(30,4)) AS m FROM events GROUP BY g",
    "SELECT g, quantile_disc(d::DECIMAL(30,4), 0.5) AS m FROM events GROUP BY g",
    "other",
  ],
  [
    "SELECT g, median(d::DECIMAL(30,4)) AS m FROM events GROUP BY g",
    "SELECT g, median(d::DOUBLE) AS m FROM events GROUP BY g",
    "other",
  ],
  ["SELECT quantile_disc(i, []) AS m FROM events", "SELECT quantile_disc(i, 0.5) AS m FROM events", "other"],
  ["SELECT quantile_disc(i, []) AS m FROM events", "SELECT quantile_disc(i, [0.25, 0.5]) AS m FROM events", "other"],
  ["SELECT quantile_disc(i, -0.5) AS m FROM events", "SELECT quantile_disc(i, 0.5) AS m FROM events", "other"],
  [
    "SELECT g, entropy(f) AS e FROM events GROUP BY g",
    "SELECT g, entropy(f::DECIMAL(18,3)) AS e FROM events GROUP BY g",
    "same",
  ],
];

/** Refusals that nothing is known to lead to: DuckDB complains first, or only a fault of the compiler's would. */
export const nets = [
  /grouping\(\) of an expression that is not a group key/,
  /can't derive .* from the group keys/,
  /an aggregate can't be a group key/,
  /a view is one plain SELECT/,
  /the separator differs from event to event/,
  // of changelogs: see changelog.test.ts
  /the rows of a changelog/,
];
