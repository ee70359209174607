-- Groups: NULL and all-NULL groups keep their rows; keys that are not shown; rows that are the same; GROUP BY by position, alias and ALL;
-- HAVING without GROUP BY.
-- fields: {"g": "VARCHAR?", "h": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "b": "BOOLEAN?", "o": "VARCHAR?", "ts": "TIMESTAMP?"}
-- {"g":"a","h":"p","i":1,"x":0.5,"b":true,"o":"lax","ts":"2024-01-01 00:00:00"}
-- {"g":"a","h":null,"i":2,"x":1.5,"b":null,"o":"LAX","ts":"2024-01-31 00:00:00"}
-- {"g":null,"h":"p","i":1,"x":2.5,"b":false,"o":"sfo","ts":"2024-02-29 12:00:00"}
-- {"g":"z","h":"q","i":null,"x":null,"b":null,"o":null,"ts":null}
-- {"g":"z","h":"q","i":null,"x":null,"b":null,"o":null,"ts":null}
-- {"g":"NULL","h":"","i":1,"x":0.5,"b":true,"o":"SFO","ts":"2024-01-01 00:00:00"}
-- {"g":null,"h":null,"i":null,"x":null,"b":null,"o":"","ts":"2023-12-31 23:59:59.999999"}

-- all values NULL: the row stays, count 0, all else NULL
SELECT g, count(i) AS c, sum(i) AS s, avg(x) AS a, min(i) AS lo, max(o) AS hi, bool_and(b) AS ba, bit_or(i) AS bo, var_pop(x) AS v, count_if(b) AS t FROM events GROUP BY g;
SELECT g, median(i) AS m, count(DISTINCT i) AS d, histogram(i) AS h, entropy(i) AS e, quantile_disc(o, 0.5) AS q, sum(DISTINCT i) AS s FROM events GROUP BY g;
SELECT g, h, count(*) AS n FROM events GROUP BY g, h HAVING g IS NULL OR h IS NULL;
-- keys not shown, rows not unique
SELECT min(i) AS lo FROM events GROUP BY g, h;
SELECT 1 AS one FROM events GROUP BY g;
SELECT median(i) AS m, count(DISTINCT o) AS d FROM events GROUP BY g, h;
SELECT count(*) > 1 AS many, h IS NULL AS none FROM events GROUP BY g, h;
SELECT g IS NULL AS none, sum(i) AS s FROM events GROUP BY g;
-- an output name that is also a column's: GROUP BY takes the column, the SELECT's own is only shown
SELECT upper(o) AS o, count(*) AS n FROM events GROUP BY o;
SELECT lower(o) AS g, count(*) AS n FROM events GROUP BY g, o;
SELECT g AS h, h AS g, count(*) AS n FROM events GROUP BY g, h;
SELECT i AS x, sum(x) AS i FROM events GROUP BY i;
SELECT g AS G2, count(*) AS N FROM events WHERE G2 <> 'z' GROUP BY g2 HAVING n > 0;
-- positions, aliases, ALL and expressions together
SELECT g, upper(h) AS u, i % 2 AS odd, count(*) AS n FROM events GROUP BY 1, u, i % 2;
SELECT g, upper(h) AS u, count(*) AS n FROM events GROUP BY 2, 1;
SELECT g, h, sum(i) + count(*) AS s, max(x) - min(x) AS w FROM events GROUP BY ALL;
SELECT g || h AS gh, g, count(*) AS n FROM events GROUP BY ALL HAVING count(*) > 0;
SELECT coalesce(g, h, '-') AS k, count(*) AS n, k || n AS kn FROM events GROUP BY k;
SELECT (g) AS g, ((h)) AS h, count(*) AS n FROM events GROUP BY (g), (h);
SELECT g, count(*) AS n FROM events GROUP BY g, ();
SELECT date_trunc('month', ts) AS m, m + INTERVAL 1 MONTH AS next, strftime(m, '%B') AS name, count(*) AS n FROM events GROUP BY m;
SELECT g, true AS t, count(*) AS n FROM events GROUP BY g, true;
SELECT {'g': g, 'h': h} AS r, count(*) AS n FROM events GROUP BY g, h;
SELECT CASE g WHEN 'a' THEN 1 WHEN NULL THEN 2 ELSE 3 END AS c, count(*) AS n FROM events GROUP BY CASE g WHEN 'a' THEN 1 WHEN NULL THEN 2 ELSE 3 END;
-- HAVING without GROUP BY
SELECT count(*) AS n, max(o) AS m FROM events HAVING count(*) > 3;
SELECT sum(i) AS s FROM events HAVING true;
SELECT 'shown' AS c FROM events HAVING sum(i) > 0;
SELECT count(*) AS n FROM events HAVING bool_or(b) AND max(i) IS NOT NULL AND NOT bool_and(b);
SELECT count(DISTINCT g) AS d, s + 1 AS t, sum(i) AS s2, sum(i) AS s FROM (SELECT g, i, i AS s FROM events WHERE i = 1) GROUP BY s HAVING s2 > 0;
-- DISTINCT of several columns: as a struct with names
SELECT count(DISTINCT {a: g, b: h}) AS n, count(DISTINCT [g, h]) AS l, count(DISTINCT g || '|' || h) AS t, count(DISTINCT ({'a': i, 'b': b})) AS s FROM events;
-- one month and thirty days compare as equal, and move a time by different spans
SELECT ts + INTERVAL 1 MONTH AS m, ts + INTERVAL 30 DAY AS d, ts - INTERVAL '1 month' < ts - INTERVAL '30 days' AS longer, count(*) AS n FROM events GROUP BY ALL;
SELECT INTERVAL 1 MONTH = INTERVAL 30 DAY AS same, max(ts) - min(ts) > INTERVAL 1 MONTH AS over, max(ts) - min(ts) AS span, min(ts) + INTERVAL 1 MONTH AS m, min(ts) + INTERVAL 30 DAY AS d FROM events;
SELECT g FROM events GROUP BY g HAVING max(ts) - min(ts) = INTERVAL '30 days' OR max(ts) - min(ts) = INTERVAL 1 MONTH;
