-- fields: {"g": "VARCHAR", "x": "VARCHAR?", "i": "BIGINT?", "n": "INTEGER?", "s": "UTINYINT?", "d": "DOUBLE?", "m": "DECIMAL(9,2)?", "h": "HUGEINT?", "ts": "TIMESTAMP?", "l": "INTEGER[]?"}
-- {"g": "a", "x": "p", "i": 9223372036854775807, "n": 1, "s": 255, "d": 0.0, "m": 0.01, "h": 99999999999999999999999, "ts": "2024-01-01 00:00:00", "l": [1, 2]}
-- {"g": "a", "x": "p", "i": -9223372036854775808, "n": -100, "s": 254, "d": -0.0, "m": 9999999.99, "l": [2]}
-- {"g": "b", "x": "q", "i": 50, "n": 99, "s": 0, "d": 1e300, "m": -9999999.99}
-- {"g": "a", "x": "é", "i": 101, "n": 101, "s": 1, "d": -1e-300, "m": 12.34, "h": -5}
-- {"g": "b", "d": "NaN"}
-- {"g": "b", "d": "Infinity", "i": 3, "n": 2}
-- {"g": "c"}
-- {"g": "a", "x": "r", "i": 150, "n": 150, "d": "-Infinity", "m": 12.35}
-- {"g": "a", "x": "p", "i": 151, "n": 49, "d": 123.456, "m": 1.00, "h": 7}
SELECT g, approx_count_distinct(x) AS x, approx_count_distinct(i) AS i, approx_count_distinct(d) AS d, approx_count_distinct(ts) AS t, approx_count_distinct(l) AS l, count(*) AS n FROM events GROUP BY g;
SELECT approx_quantile(i, 0.5) AS i, approx_quantile(n, 0.25) AS n, approx_quantile(s, 0.9) AS s, approx_quantile(d, 0.5) AS d, approx_quantile(m, [0, 0.5, 1]) AS m, approx_quantile(h, 1.0) AS h FROM events;
SELECT g, approx_quantile(n, [0.1, 0.5, 0.99]) AS q, approx_quantile(i, 1) AS hi, approx_quantile(i, 0) AS lo, min(i) AS exact FROM events GROUP BY g;
SELECT g, approx_top_k(x, 2) AS top, approx_count_distinct(x) FILTER (WHERE n > 0) + 1 AS more, approx_quantile(d, 0.5) FILTER (WHERE isfinite(d)) AS q, median(n) AS m FROM events GROUP BY g HAVING count(*) > 1;
SELECT g, x, approx_count_distinct(n) AS n, count(*) AS c FROM events GROUP BY ROLLUP (g, x);
SELECT g FROM events GROUP BY g HAVING approx_count_distinct(x) > 0 OR approx_top_k(x, 1) IS NULL;
SELECT approx_count_distinct(x) AS n, approx_quantile(n, 0.5) AS q, approx_top_k(x, 3) AS t, count(*) AS c FROM events WHERE g = 'nobody';
