-- fields: {"g": "VARCHAR", "x": "BIGINT?", "y": "DOUBLE?", "t": "VARCHAR?"}
-- {"g": "a", "x": 1, "y": 2.5, "t": "m"}
-- {"g": "a", "x": null, "y": 2.5, "t": "c"}
-- {"g": "a", "x": 3, "y": null, "t": null}
-- {"g": "b", "x": 4, "y": -0.0, "t": "z"}
-- {"g": "a", "x": 5, "y": 7, "t": "c"}
-- {"g": "b", "x": 6, "y": 0.0, "t": "z"}
-- {"g": "a", "x": 7, "y": null, "t": "m"}
-- {"g": "b", "x": null, "y": "NaN", "t": null}
-- {"g": "c", "x": null, "y": null, "t": null}

-- DuckDB makes arg_min and arg_max of these: of equals the earliest event wins, whichever end is asked for
SELECT g, first(x ORDER BY y) AS a, last(x ORDER BY y) AS b, any_value(x ORDER BY y) AS c, arbitrary(x ORDER BY y) AS d FROM events GROUP BY g;
SELECT g, first(x ORDER BY y DESC) AS a, last(x ORDER BY y DESC) AS b, any_value(x ORDER BY y DESC) AS c FROM events GROUP BY g;
SELECT g, first(x ORDER BY y NULLS FIRST) AS a, last(x ORDER BY y NULLS FIRST) AS b, any_value(x ORDER BY y NULLS FIRST) AS c FROM events GROUP BY g;
SELECT g, first(x ORDER BY t DESC NULLS FIRST) AS a, last(x ORDER BY t DESC NULLS FIRST) AS b, any_value(x ORDER BY t DESC NULLS FIRST) AS c FROM events GROUP BY g;
SELECT first(t ORDER BY x) FILTER (WHERE y > 1) AS a, last(upper(t) ORDER BY x % 3 DESC NULLS LAST) AS b, first(t) AS c, last(x) AS d FROM events;
SELECT g, last(t ORDER BY y) AS l, count(*) AS n FROM events GROUP BY ROLLUP (g) HAVING first(x ORDER BY y) IS NULL OR count(*) > 1;
