-- fields: {"g": "VARCHAR", "x": "VARCHAR?", "y": "INTEGER?", "d": "DOUBLE?", "h": "HUGEINT?", "ts": "TIMESTAMP?", "l": "INTEGER[]?", "st": "STRUCT(a INTEGER, b VARCHAR)?"}
-- {"g": "a", "y": 2, "d": 0.0, "h": 1}
-- {"g": "a", "x": "p", "y": 1, "d": -0.0, "h": 99999999999999999999999999, "ts": "2024-01-01 00:00:00", "l": [1]}
-- {"g": "b", "x": "q", "y": 3, "d": 1.5, "st": {"a": 1, "b": "u"}}
-- {"g": "a", "x": "r", "y": 1, "d": "NaN", "h": 99999999999999999999999999, "l": [2, 3]}
-- {"g": "a", "x": "s", "y": 2, "d": "NaN", "h": 1, "ts": "2024-01-02 00:00:00"}
-- {"g": "b", "x": "q", "d": 1.5, "st": {"a": 2, "b": "v"}}
-- {"g": "c"}
-- {"g": "a", "y": 0, "h": 5}
-- {"g": "b", "x": "t", "y": 3, "st": {"a": 1, "b": "w"}}
-- {"g": "a", "x": "r", "y": 2, "l": []}
-- The first and last in the log's order, with and without NULL.
SELECT g, first(x) AS f, last(x) AS l, any_value(x) AS a, arbitrary(y) AS r FROM events GROUP BY g;
-- Ties go to the event that came first.
SELECT g, arg_min(x, y) AS lo, arg_max(x, y) AS hi, min_by(y, x) AS b, max_by(x, h) AS big FROM events GROUP BY g;
SELECT g, arg_min_null(x, y) AS lo, arg_max_null(x, y) AS hi FROM events GROUP BY g;
-- -0.0 and 0.0 tie, and NaN is the largest.
SELECT g, arg_min(x, d) AS lo, arg_max(x, d) AS hi, arg_min(y, d) AS y FROM events GROUP BY g;
SELECT arg_max(st, y) AS s, arg_min(l, y) AS l, first(ts) AS t, last(d) AS d, arg_max(h, h) AS h FROM events;
SELECT g, mode(x) AS m, mode(y) AS n, mode(d) AS d, mode(h) AS h FROM events GROUP BY g;
-- With FILTER, expressions and conditions around, and beside aggregates that keep values.
SELECT g, first(x) FILTER (WHERE y > 1) || '!' AS f, arg_max(x, y) FILTER (WHERE x <> 's') AS m, mode(x) FILTER (WHERE y = 1) AS o, median(y) AS med, count(DISTINCT x) AS n FROM events GROUP BY g HAVING last(y) IS NOT NULL OR mode(x) = 'q';
SELECT upper(x) AS u, first(y + 1) AS f, arg_min(g || x, coalesce(y, 9)) AS a FROM events WHERE x IS NOT NULL GROUP BY upper(x);
SELECT g, y, last(x) AS l, mode(x) AS m, grouping(g, y) AS id FROM events GROUP BY ROLLUP (g, y);
-- Over a subquery that works event by event, events keep their order.
SELECT k, first(v) AS f, mode(v) AS m FROM (SELECT g AS k, lower(x) AS v FROM events WHERE y IS NOT NULL) GROUP BY k;
WITH a AS (SELECT * FROM events WHERE g <> 'c'), b AS (SELECT g, x AS z FROM a) SELECT g, last(z) AS l, any_value(z) AS a FROM b GROUP BY g;
