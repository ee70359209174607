/** What a view may not hold, by kind, and the exact start of the line that says so: place, then reason. */

export const refused: Readonly<Record<string, readonly (readonly [sql: string, line: string])[]>> = {
  "clock, chance and session": [
    ["SELECT random() AS r, count(*) FROM events GROUP BY r", "1:8: random() is not a function of the events"],
    ["SELECT count(*) FROM events WHERE ts < now()", "1:40: now() is not a function of the events"],
    [
      "SELECT current_date AS d, count(*) FROM events GROUP BY d",
      "1:8: current_date is not a field: DuckDB would read the clock or the session",
    ],
    [
      "SELECT count(*) FILTER (WHERE ts > current_timestamp) AS n FROM events",
      "1:36: current_timestamp is not a field: DuckDB would read the clock or the session",
    ],
    [
      "SELECT count(*) AS n FROM events HAVING max(ts) < localtimestamp",
      "1:51: localtimestamp is not a field: DuckDB would read the clock or the session",
    ],
    [
      "SELECT current_localtimestamp() AS t, count(*) FROM events GROUP BY t",
      "1:8: current_localtimestamp() is not a function of the events",
    ],
    ["SELECT today() AS d, count(*) FROM events GROUP BY d", "1:8: today() is not a function of the events"],
    ["SELECT uuid() AS u, count(*) FROM events GROUP BY u", "1:8: uuid() is not a function of the events"],
    [
      "SELECT main.gen_random_uuid() AS u, count(*) FROM events GROUP BY u",
      "1:8: gen_random_uuid() is not a function of the events",
    ],
    ["SELECT age(ts) AS a, count(*) FROM events GROUP BY a", "1:8: age() is not a function of the events"],
    [
      "SELECT ts > ago(INTERVAL 1 day) AS young, count(*) FROM events GROUP BY young",
      "1:13: ago() is not a function of the events",
    ],
    [
      "SELECT pg_postmaster_start_time() AS t, count(*) FROM events GROUP BY t",
      "1:8: pg_postmaster_start_time() is not a function of the events",
    ],
    [
      "SELECT current_user AS u, count(*) FROM events GROUP BY u",
      "1:8: current_user is not a field: DuckDB would read the clock or the session",
    ],
    [
      "SELECT upper(g) AS user, count(*) FROM events GROUP BY user",
      "1:56: user is not a field: DuckDB would read the clock or the session",
    ],
    [
      "SELECT session_user AS u, count(*) FROM events GROUP BY u",
      "1:8: session_user is not a field: DuckDB would read the clock or the session",
    ],
    [
      "SELECT current_schema() AS s, count(*) FROM events GROUP BY s",
      "1:8: current_schema() is not a function of the events",
    ],
    [
      "SELECT current_setting('threads') AS s, count(*) FROM events GROUP BY s",
      "1:8: current_setting() is not a function of the events",
    ],
    [
      "SELECT getvariable('x') AS s, count(*) FROM events GROUP BY s",
      "1:8: getvariable() is not a function of the events",
    ],
    ["SELECT version() AS v, count(*) FROM events GROUP BY v", "1:8: version() is not a function of the events"],
    [
      "SELECT txid_current() AS t, count(*) FROM events GROUP BY t",
      "1:8: txid_current() is not a function of the events",
    ],
    ["SELECT nextval('s') AS t, count(*) FROM events GROUP BY t", "1:8: nextval() is not a function of the events"],
    ["SELECT stats(i) AS s, count(*) FROM events GROUP BY s", "1:8: stats() is not a function of the events"],
    [
      "SELECT vector_type(i) AS s, count(*) FROM events GROUP BY s",
      "1:8: vector_type() is not a function of the events",
    ],
    ["SELECT alias(i) AS s, count(*) FROM events GROUP BY s", "1:8: alias() is not a function of the events"],
    [
      "SELECT json_serialize_plan('FROM read_csv(''/etc/passwd'')') AS p, count(*) FROM events GROUP BY p",
      "1:8: json_serialize_plan() is not a function of the events",
    ],
    [
      "SELECT rowid AS r, count(*) FROM events GROUP BY r",
      "1:8: rowid is not a field: it depends on how events are stored",
    ],
    ["SELECT max(events.rowid) AS r FROM events", "1:12: rowid is not a field: it depends on how events are stored"],
    [
      "SELECT count(events) AS n FROM events",
      "1:14: events is the whole event here: its columns would change with the stream",
    ],
    [
      "SELECT e AS whole, count(*) FROM events AS e GROUP BY whole",
      "1:8: e is the whole event here: its columns would change with the stream",
    ],
    [
      "SELECT temp.main.events.g AS g, count(*) FROM events GROUP BY 1",
      "1:8: a name with a schema is not available in a view",
    ],
  ],
  "other rows": [
    [
      "SELECT g, row_number() OVER () AS n FROM events GROUP BY g",
      "1:11: window functions read other rows, which parts don't have",
    ],
    [
      "SELECT g, sum(count(*)) OVER (ORDER BY g) AS n FROM events GROUP BY g",
      "1:11: window functions read other rows, which parts don't have",
    ],
    [
      "SELECT g, count(*) FROM events GROUP BY g QUALIFY row_number() OVER () = 1",
      "1:43: QUALIFY needs window functions, which don't merge",
    ],
    ["SELECT count(*) FROM events LIMIT 1", "1:35: LIMIT on parts is not LIMIT on the whole"],
    ["SELECT count(*) FROM events LIMIT 10%", "1:35: LIMIT on parts is not LIMIT on the whole"],
    ["SELECT count(*) FROM events OFFSET 1", "1:36: LIMIT on parts is not LIMIT on the whole"],
    [
      "SELECT g, count(*) AS n FROM events GROUP BY g ORDER BY n DESC",
      "1:57: ORDER BY has no meaning for a view: its rows are a set",
    ],
    ["SELECT DISTINCT count(*) FROM events GROUP BY g", "1:8: SELECT DISTINCT over merged rows would hide groups"],
    [
      "SELECT DISTINCT ON (g) g, count(*) FROM events GROUP BY g",
      "1:8: SELECT DISTINCT over merged rows would hide groups",
    ],
    ["SELECT (SELECT 1) AS x, count(*) FROM events GROUP BY x", "1:8: subqueries are not available in a view"],
    ["SELECT count(*) FROM events WHERE EXISTS (SELECT 1)", "1:35: subqueries are not available in a view"],
    ["SELECT count(*) FROM events WHERE i IN (SELECT 1)", "1:37: subqueries are not available in a view"],
    ["SELECT sum(i) FILTER (WHERE i = (SELECT 1)) AS s FROM events", "1:33: subqueries are not available in a view"],
    ["SELECT unnest(l) AS u, count(*) FROM events GROUP BY u", "1:8: unnest changes the number of rows"],
    [
      "SELECT regexp_split_to_table(g, 'a') AS u, count(*) FROM events GROUP BY u",
      "1:8: regexp_split_to_table changes the number of rows",
    ],
  ],
  aggregates: [
    ["SELECT count(DISTINCT (i, g)) AS n FROM events", "1:8: single values of STRUCT(BIGINT, VARCHAR) can't be kept"],
    [
      "SELECT count(DISTINCT {'f': f}) AS n FROM events",
      "1:8: single values of STRUCT(f DOUBLE): -0.0 and 0.0 inside it",
    ],
    ["SELECT median(ts - ts) AS m FROM events", "1:8: there is no exact interpolation of INTERVAL"],
    [
      "SELECT quantile_cont(d::DECIMAL(30,4), 0.5) AS m FROM events",
      "1:8: there is no exact interpolation of DECIMAL(30,4)",
    ],
    ["SELECT quantile_disc(i, -0.5) AS m FROM events", "1:8: a share of -0.5 is not from 0 to 1"],
    ["SELECT first(g ORDER BY i, ts) AS f FROM events", "1:8: ORDER BY of several inside first() is not available"],
    ["SELECT arg_max(g, i ORDER BY ts) AS f FROM events", "1:8: ORDER BY inside arg_max() is not available; of equals"],
    ["SELECT mode(g ORDER BY i) AS f FROM events", "1:8: ORDER BY inside mode() is not available; write mode(x): of"],
    ["SELECT sum(i ORDER BY ts) AS s FROM events", "1:8: ORDER BY inside sum() is not available"],
    ["SELECT list(i) AS m FROM events", "1:8: list() has no exact partial form in this version"],
    ["SELECT array_agg(i) AS m FROM events", "1:8: array_agg() has no exact partial form in this version"],
    ["SELECT string_agg(g, ',') AS m FROM events", "1:8: string_agg() in any other order than its values' own"],
    ["SELECT weighted_avg(f, i) AS m FROM events", "1:8: weighted_avg() has no exact partial form in this version"],
    [
      "SELECT json_group_array(i) AS m FROM events",
      "1:8: json_group_array() has no exact partial form in this version",
    ],
    ["SELECT sum(i) EXPORT_STATE AS m FROM events", "1:8: an aggregate's state can't be stored or combined"],
    ["SELECT tidemark_avg(i, 2) AS m, count(*) FROM events GROUP BY m", "1:8: tidemark_avg() is Tidemark's own"],
    ["SELECT max(sum(i)) AS m FROM events", "1:8: an aggregate inside an aggregate needs two passes"],
    [
      "SELECT sum(i) FILTER (WHERE count(*) > 1) AS m FROM events",
      "1:8: an aggregate inside an aggregate needs two passes",
    ],
    ["SELECT g, count(*) AS n FROM events GROUP BY g, n", "1:11: GROUP BY clause cannot contain aggregates!"],
    ["SELECT g, count(*) FROM events GROUP BY g, sum(i)", "1:44: GROUP BY clause cannot contain aggregates!"],
    ["SELECT g, i FROM events", "1:1: a view without GROUP BY or an aggregate would keep every event"],
    ["SELECT 1 AS one FROM events", "1:1: a view without GROUP BY or an aggregate would keep every event"],
  ],
  types: [
    ["SELECT sum(g) AS s FROM events", "1:8: No function matches the given name and argument types 'sum(VARCHAR)'"],
    ["SELECT avg(ts - ts) AS a FROM events", "1:8: avg of INTERVAL is not available"],
    ["SELECT avg(b) AS a FROM events", "1:8: No function matches the given name and argument types 'avg(BOOLEAN)'"],
    ["SELECT min(ts - ts) AS a FROM events", "1:8: min of INTERVAL can't be kept in files without loss"],
    [
      "SELECT ts - ts AS k, count(*) FROM events GROUP BY k",
      "1:11: a group key of type INTERVAL can't be kept without loss",
    ],
    [
      "SELECT g::ENUM('a', 'b') AS k, count(*) FROM events GROUP BY k",
      "1:9: a group key of type ENUM('a', 'b') can't be kept without loss",
    ],
    [
      "SELECT map([g], [i]) AS k, count(*) FROM events GROUP BY k",
      "1:8: a group key of type MAP(VARCHAR, BIGINT) can't be kept without loss",
    ],
    [
      "SELECT [f] AS k, count(*) FROM events GROUP BY k",
      "1:9: a group key of type DOUBLE[]: -0.0 and 0.0 inside it are one group that shows whichever came first",
    ],
    [
      "SELECT max({'f': f}) AS m FROM events",
      "1:8: max of STRUCT(f DOUBLE): -0.0 and 0.0 inside it are equal, and which is shown depends on order",
    ],
    ["SELECT sum(i::UHUGEINT) AS m FROM events", "1:8: sum of UHUGEINT is not available"],
    [
      "SELECT avg(d::DECIMAL(38,30)) AS m FROM events",
      "1:8: avg of DECIMAL(38,30): beyond scale 22 the division is not exact",
    ],
  ],
  "what is read": [
    ["SELECT count(*) FROM events JOIN events AS e2 USING (i)", "1:29: a join of events with events"],
    ["SELECT count(*) FROM events, events AS e2", "1:30: a join of events with events"],
    [
      "SELECT count(*) FROM events LEFT JOIN (SELECT i FROM events) AS e2 USING (i)",
      "1:29: a join of events with events",
    ],
    [
      "SELECT count(*) FROM events RIGHT JOIN codes USING (g)",
      "1:29: this join keeps rows of the table that no event has",
    ],
    [
      "SELECT count(*) FROM codes LEFT JOIN events USING (g)",
      "1:28: this join keeps rows of the table that no event has",
    ],
    [
      "SELECT count(*) FROM codes ANTI JOIN events USING (g)",
      "1:28: this join keeps rows of the table that no event has",
    ],
    [
      "SELECT count(*) FROM events FULL JOIN codes USING (g)",
      "1:29: this join keeps rows of the table that no event has",
    ],
    ["SELECT count(*) FROM events NATURAL JOIN codes", "1:29: a NATURAL join's columns would change"],
    ["SELECT count(*) FROM events POSITIONAL JOIN codes", "1:29: a positional join is not available"],
    ["SELECT count(*) FROM codes", "1:22: a view reads FROM a stream, and this gives the same rows"],
    ["SELECT count(*) FROM (SELECT g FROM codes) c JOIN codes USING (g)", "1:46: a view reads FROM a stream, and this"],
    [
      "SELECT g, count(*) FROM (SELECT g FROM events UNION ALL SELECT g FROM codes) GROUP BY g",
      "1:47: this UNION ALL adds rows that are of no event",
    ],
    [
      "SELECT count(*) FROM events e JOIN codes c ON e.g = c.g AND random() > 0.5",
      "1:61: random() is not a function of the events",
    ],
    [
      "SELECT count(*) FROM events e JOIN codes c ON e.g = c.g AND e.ts > current_timestamp",
      "1:68: current_timestamp is not a field",
    ],
    [
      "SELECT c.name, first(e.i) FROM events e JOIN codes c ON e.g = c.g GROUP BY c.name",
      "1:16: first() depends on the order of events, and a join may",
    ],
    [
      "SELECT x, mode(g) FROM (SELECT unnest(l) AS x, g FROM events) GROUP BY x",
      "1:11: mode() depends on the order of events, and unnest may",
    ],
    [
      "SELECT last(g) FROM (SELECT g FROM events UNION ALL SELECT 'x' FROM events)",
      "1:8: last() depends on the order of events, and UNION ALL may",
    ],
    ["SELECT c, count(*) FROM events JOIN codes c USING (g) GROUP BY c", "1:8: c is the whole event here"],
    ["SELECT g, count(*) FROM events e GROUP BY e.g, ROLLUP (g)", "1:56: a key of GROUPING SETS is written twice"],
    ["SELECT g, entropy(f) FROM events GROUP BY g", "1:11: entropy of DOUBLE has no unique result with NaN"],
    ["SELECT g, histogram(f) FROM events GROUP BY g", "1:11: histogram of DOUBLE has no unique result with NaN"],
    ["SELECT count(*) FROM events WHERE ts.age() < INTERVAL 1 DAY", "1:35: age() is not a function of the events"],
    ["SELECT rowid.abs() AS r, count(*) FROM events GROUP BY r", "1:8: rowid is not a field"],
    [
      "SELECT g, first(DISTINCT i) FROM events GROUP BY g",
      "1:11: DuckDB takes the values of first(DISTINCT …) in no certain order",
    ],
    [
      "SELECT g, approx_quantile(ts, 0.5) FROM events GROUP BY g",
      "1:11: a relative error is meaningless for TIMESTAMP",
    ],
    ["SELECT g, approx_top_k(i, i) FROM events GROUP BY g", "1:11: "],
    ["SELECT g, arg_min(i, d, 3) FROM events GROUP BY g", "1:11: arg_min() with 3 arguments is not available"],
    ["SELECT count(*) FROM (VALUES (1)) AS v(a)", "1:31: a view reads FROM a stream, and this gives the same rows"],
    [
      "SELECT n FROM (SELECT count(*) AS n FROM events) GROUP BY n",
      "1:23: a subquery may only filter and compute, event by event",
    ],
    [
      "SELECT g, count(*) FROM (SELECT g FROM events GROUP BY g) GROUP BY g",
      "1:47: a subquery may only filter and compute",
    ],
    ["SELECT g, count(*) FROM (SELECT DISTINCT g FROM events) GROUP BY g", "1:33: SELECT DISTINCT over merged rows"],
    [
      "SELECT g, count(*) FROM (SELECT g FROM events LIMIT 3) GROUP BY g",
      "1:53: LIMIT on parts is not LIMIT on the whole",
    ],
    [
      "SELECT g, count(*) FROM (SELECT g FROM events ORDER BY i) GROUP BY g",
      "1:56: ORDER BY has no meaning for a view",
    ],
    [
      "SELECT r, count(*) FROM (SELECT row_number() OVER () AS r FROM events) GROUP BY r",
      "1:33: window functions read",
    ],
    [
      "SELECT r, count(*) FROM (SELECT random() AS r FROM events) GROUP BY r",
      "1:33: random() is not a function of the events",
    ],
    ["SELECT d, count(*) FROM (SELECT current_date AS d FROM events) GROUP BY d", "1:33: "],
    [
      "SELECT g, count(*) FROM (SELECT g FROM events UNION SELECT h FROM events) GROUP BY g",
      "1:47: a subquery may only",
    ],
    [
      "SELECT g, count(*) FROM (SELECT g FROM events EXCEPT ALL SELECT g FROM events) GROUP BY g",
      "1:47: a subquery may",
    ],
    ["SELECT g, count(*) FROM (SELECT g FROM (SELECT g FROM nosuch)) GROUP BY g", '1:55: there is no stream "nosuch"'],
    [
      "WITH a AS (SELECT max(i) AS m FROM events) SELECT m, count(*) FROM a GROUP BY m",
      "1:19: a subquery may only filter",
    ],
    ["VALUES (1)", "1:9: a view reads FROM a stream, and this gives the same rows"],
    ["SELECT 1 AS one", "1:1: a view reads FROM a stream"],
    [
      "SELECT count(*) FROM read_csv('/etc/passwd')",
      "1:22: a view reads FROM a stream, not a function or a list of values",
    ],
    ["SELECT count(*) FROM '/etc/passwd'", '1:22: there is no stream "/etc/passwd"'],
    ["SELECT count(*) FROM glob('/etc/*')", "1:22: a view reads FROM a stream, not a function or a list of values"],
    ["SELECT count(*) FROM range(10)", "1:22: a view reads FROM a stream, and this gives the same rows"],
    ["SELECT count(*) FROM information_schema.tables", '1:22: there is no stream "information_schema.tables"'],
    ["SELECT count(*) FROM main.events", '1:22: there is no stream "main.events"'],
    ["SELECT count(*) FROM nosuch", '1:22: there is no stream "nosuch"'],
    ["SELECT count(*) FROM events AS e(a, b)", "1:22: renamed columns in FROM are not available"],
    ["SELECT count(*) FROM events TABLESAMPLE 10%", "1:22: a sample is not a function of the events"],
    ["SELECT count(*) FROM events USING SAMPLE 10", "1:29: a sample is not a function of the events"],
    ["SELECT count(*) FROM events AT (VERSION => 1)", "1:22: AT is not available in a view"],
    [
      "FROM events PIVOT (sum(i) FOR g IN ('a'))",
      "1:13: a view reads FROM a stream, not a function or a list of values",
    ],
    ["SELECT count(*) FROM events UNION ALL SELECT 1", "1:29: UNION, INTERSECT and EXCEPT are not available in a view"],
    ["SELECT count(*) FROM events EXCEPT SELECT 1", "1:29: UNION, INTERSECT and EXCEPT are not available in a view"],
    ["WITH e AS (SELECT 1) SELECT count(*) FROM events", "1:1: a view reads FROM a stream"],
    ["SELECT g, 'x' AS c, count(*) FROM events GROUP BY ROLLUP (g, 'x')", "1:62: a constant in GROUPING SETS is shown"],
  ],
  "shape of the file": [
    ["SELECT count(*) FROM events; SELECT 2", "1:30: a view is one SELECT, and this file holds several"],
    ["INSERT INTO events VALUES (1)", "1:1: a view is one SELECT"],
    ["CREATE TABLE x AS SELECT 1", "1:1: a view is one SELECT"],
    ["COPY events TO '/tmp/x'", "1:1: a view is one SELECT"],
    ["PRAGMA version", "1:1: a view is one SELECT"],
    ["SUMMARIZE events", "1:1: a view reads FROM a stream, not a function or a list of values"],
    ["SHOW TABLES", "1:1: a view reads FROM a stream, not a function or a list of values"],
    ["SELEC 1", '1:1: syntax error at or near "SELEC"'],
    ["SELECT count(* FROM events", '1:16: syntax error at or near "FROM"'],
    ["SELECT * FROM events", "1:8: * is not available in a view: its columns would change with the stream"],
    [
      "SELECT *, count(*) FROM events GROUP BY ALL",
      "1:8: * is not available in a view: its columns would change with the stream",
    ],
    [
      "SELECT COLUMNS('i|f'), count(*) FROM events GROUP BY ALL",
      "1:8: * is not available in a view: its columns would change with the stream",
    ],
    [
      "SELECT events.*, count(*) FROM events GROUP BY ALL",
      "1:8: * is not available in a view: its columns would change with the stream",
    ],
    ["SELECT count(*) FROM events WHERE i = ?", "1:39: a view takes no parameters"],
    ["SELECT count(*) FROM events WHERE g = 'a?' AND i = $least", "1:52: a view takes no parameters"],
    ["SELECT #1, count(*) FROM events GROUP BY g", "1:8: #1 is not available in a view"],
    [
      "SELECT g COLLATE NOCASE AS g2, count(*) FROM events GROUP BY g2",
      "1:8: COLLATE makes different texts one group that shows whichever came first",
    ],
    ["SELECT g AS x, count(*) AS X FROM events GROUP BY g", '1:16: two columns are called "X"'],
    [
      "SELECT i, list_transform([1], lambda k0: k0 + i) AS k FROM events GROUP BY i",
      "1:11: the lambda parameter k0 has a name of Tidemark's own",
    ],
    [
      "SELECT list_transform(l, lambda i: i + 1) AS k, count(*) FROM events GROUP BY k",
      "1:8: the lambda parameter i has the name of a field",
    ],
  ],
  "forms of the documentation": [
    ["SELECT list(g ORDER BY i DESC) AS m FROM events", "1:8: list() has no exact partial form in this version"],
    [
      "SELECT string_agg(g, ', ' ORDER BY i DESC) AS countdown FROM events",
      "1:8: string_agg() in any other order than its values' own",
    ],
    ["SELECT kurtosis(f) AS m FROM events", "1:8: kurtosis() has no exact partial form in this version"],
    ["SELECT kurtosis_pop(f) AS m FROM events", "1:8: kurtosis_pop() has no exact partial form in this version"],
    ["SELECT skewness(f) AS m FROM events", "1:8: skewness() has no exact partial form in this version"],
    ["SELECT mad(f) AS m FROM events", "1:8: mad() has no exact partial form in this version"],
    ["SELECT bitstring_agg(i) AS m FROM events", "1:8: bitstring_agg() has no exact partial form in this version"],
    [
      "SELECT histogram_exact(i, [1, 2]) AS m FROM events",
      "1:8: histogram_exact() has no exact partial form in this version",
    ],
    [
      "SELECT reservoir_quantile(f, 0.5, 1024) AS m FROM events",
      "1:8: reservoir_quantile() has no exact partial form in this version",
    ],
    ["SELECT histogram(i, [1, 2]) AS m FROM events", "1:8: histogram() with 2 arguments is not available"],
    ["SELECT count(DISTINCT g, i) AS n FROM events", "1:8: count() with 2 arguments is not available"],
    ["SELECT corr(DISTINCT f, i) AS m FROM events", "1:8: corr(DISTINCT …) with several arguments is not available"],
    ["SELECT bit_and('1010'::BIT) AS m FROM events", "1:8: bit_and of BIT is not available"],
    ["SELECT median(i ORDER BY i) AS m FROM events", "1:8: ORDER BY inside median() is not available"],
    [
      "SELECT sum(ts - ts) AS s FROM events",
      "1:8: No function matches the given name and argument types 'sum(INTERVAL)'",
    ],
    ["SELECT g FROM events WHERE i = max(i)", "1:32: WHERE clause cannot contain aggregates!"],
    ["SELECT g FROM events WHERE i = (SELECT max(i) FROM events)", "1:32: subqueries are not available in a view"],
    ["SELECT g, i, sum(f) AS s FROM events GROUP BY g", '1:11: column "i" must appear in the GROUP BY clause'],
    [
      "SELECT count(*) FROM events GROUP BY g HAVING i > 1",
      "1:47: column i must appear in the GROUP BY clause or be used in an aggregate function",
    ],
    [
      "SELECT grouping(i) AS w, count(*) FROM events GROUP BY ROLLUP (g)",
      '1:8: GROUPING child "i" must be a grouping column',
    ],
    ["SELECT grouping(g) AS w FROM events", "1:8: GROUPING statement cannot be used without groups"],
    ["SELECT g, sum(i) AS s FROM events GROUP BY g WITH ROLLUP", '1:46: syntax error at or near "WITH"'],
    ["SELECT sum(i), SUM(i) FROM events", '1:16: two columns are called "sum(i)"'],
    [
      "SELECT upper(g) AS u, count(*) FROM events GROUP BY u, lower(u)",
      '1:62: Alias with name "u" exists, but aliases cannot be used',
    ],
    [
      "SELECT g, count(*) FROM events GROUP BY g, ts - day",
      "1:47: a group key of type INTERVAL can't be kept without loss",
    ],
  ],
  "names that are Tidemark's own": [
    [
      "SELECT g AS __g0, count(*) FROM events GROUP BY 1",
      '1:8: the column "__g0": names that start with __ are Tidemark',
    ],
    ['SELECT g, max(i) AS "__Event" FROM events GROUP BY g', '1:11: the column "__Event": names that start with __'],
    ["SELECT count(*) FROM events AS __event", '1:22: the table "__event": names that start with __'],
    [
      "SELECT e.g, count(*) FROM events e JOIN codes __c USING (g) GROUP BY e.g",
      '1:41: the table "__c": names that start with __',
    ],
    ["SELECT x, count(*) FROM (SELECT g AS __event, i AS x FROM events) GROUP BY x", '1:33: the column "__event"'],
    ["SELECT x, count(*) FROM (SELECT unnest(l) FROM events) AS u(__x) GROUP BY x", '1:61: the column "__x"'],
    ["WITH __w AS (SELECT g FROM events) SELECT g, count(*) FROM __w GROUP BY g", '1:6: the query of WITH "__w"'],
    [
      "SELECT list_transform(l, lambda __x: __x + 1) AS k, count(*) FROM events GROUP BY k",
      '1:8: the lambda parameter "__x"',
    ],
  ],
  names: [
    [
      "SELECT g, count(*) FROM events",
      '1:8: column "g" must appear in the GROUP BY clause or must be part of an aggregate function.',
    ],
    [
      "SELECT nosuch, count(*) FROM events GROUP BY nosuch",
      '1:46: Referenced column "nosuch" not found in FROM clause!',
    ],
    ["SELECT nosuch(i) AS n, count(*) FROM events GROUP BY n", "1:8: Scalar Function with name nosuch does not exist!"],
    [
      "SELECT g, count(*) AS n FROM events GROUP BY g HAVING nosuch > 1",
      "1:55: column nosuch must appear in the GROUP BY clause or be used in an aggregate function",
    ],
    ["SELECT count(*) FROM events AS e WHERE e.nosuch = 1", '1:40: Table "e" does not have a column named "nosuch"'],
    ["SELECT CAST(g AS nosuch) AS k, count(*) FROM events GROUP BY k", "1:18: Type with name nosuch does not exist!"],
    [
      "SELECT count(*) FROM events WHERE day > g",
      "1:39: Cannot compare values of type DATE and type VARCHAR - an explicit cast is required",
    ],
    [
      "-- Größe, 日本\nSELECT g,\n  'é😀' AS x, list(i) AS m\nFROM events GROUP BY g",
      "3:15: list() has no exact partial form in this version",
    ],
    [
      "/* now() */ SELECT 'now()' AS \"now()\",\n\tnow() AS n, count(*) FROM events GROUP BY 1, 2",
      "2:2: now() is not a function of the events",
    ],
    [
      "-- é; UNION\nSELECT count(*) FROM events\nUNION SELECT 1",
      "3:1: UNION, INTERSECT and EXCEPT are not available in a view",
    ],
    ["-- é; ?\nSELECT 'é?' AS x, count(*) FROM events\nWHERE i = ? GROUP BY x", "3:11: a view takes no parameters"],
    [
      "-- é;\n\n  SELECT count(*) FROM events\n;\n  SELECT 'é'",
      "5:3: a view is one SELECT, and this file holds several",
    ],
    [
      "-- é\nSELECT g, 'é😀' AS x,\n  'é' || nosuch(i) AS y, count(*) FROM events GROUP BY ALL",
      "3:10: Scalar Function with name nosuch does not exist!",
    ],
    [
      "-- é\nSELECT g, count(*)\nFROM events\nGROUP BY 'é', g\nHAVING count(*) > 1 AND 'é' = nosuch",
      "5:31: column nosuch must appear in the GROUP BY clause or be used in an aggregate function",
    ],
    ["-- é\nSELECT 'é' AS x count(*) FROM events", '2:17: syntax error at or near "count"'],
    [
      "SELECT g, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, 'éééééééééééééééééééééé' AS x, nosuch(i) AS n, count(*) FROM events WHERE g <> 'xxxxxxxxxxxxxxxxxxxxxxxxxx'",
      '1:11: Referenced table "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" not found!',
    ],
    ["-- 😀\nSELECT '😀' AS x count(*) FROM events", '2:18: syntax error at or near "count"'],
  ],
};
