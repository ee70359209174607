-- fields: {"g": "VARCHAR", "x": "INTEGER?", "d": "DOUBLE?", "m": "DECIMAL(9,2)?", "w": "INTEGER?", "n": "DECIMAL(12,3)?", "ts": "TIMESTAMP?"}
-- {"g": "a", "x": 2, "d": 0.5, "m": 1.25, "w": 1, "n": 0.5, "ts": "2024-01-01 00:00:00"}
-- {"g": "a", "x": 3, "d": 4.0, "m": 2.50, "w": 3}
-- {"g": "b", "x": -5, "d": 2.0, "m": -1.00, "w": 2, "n": 1.5, "ts": "2024-01-03 12:00:00"}
-- {"g": "b"}
-- {"g": "c", "m": 7.00, "ts": "2024-02-01 00:00:00"}
-- {"g": "a", "x": 1, "d": 8.0, "w": 0, "n": -2.25, "ts": "2024-01-02 00:00:00"}
-- Sums that DuckDB computes in doubles, the product, the geometric and the weighted mean.
SELECT g, product(x) AS p, product(d) AS q, fsum(m) AS f, sumkahan(d) AS k, favg(d) AS a, kahan_sum(x) AS x FROM events GROUP BY g;
SELECT geomean(d) AS g, geometric_mean(m + 2) AS w FROM events;
SELECT product(x) AS p, fsum(d) AS f, favg(x) AS a, geomean(d) AS g FROM events WHERE g = 'nobody';
-- WITHIN GROUP, as PostgreSQL has it.
SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY d) AS a, percentile_disc(0.25) WITHIN GROUP (ORDER BY ts) AS b, percentile_cont([0.25, 0.75]) WITHIN GROUP (ORDER BY n) AS c FROM events GROUP BY g;
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x) FILTER (WHERE x > 0) AS d FROM events;
-- The n least and greatest.
SELECT g, min(x, 2) AS lo, max(x, 2) AS hi, max(d, 1) AS d, min(m, 9) AS m, max(ts, 2) FILTER (WHERE w > 0) AS t FROM events GROUP BY g;
SELECT max(g, 3) AS g, min(x, 2)[1] AS least FROM events;
-- Texts put together, in their own order.
SELECT string_agg(g, '; ' ORDER BY g) AS s, string_agg(DISTINCT g, '' ORDER BY g DESC) AS d, group_concat(x ORDER BY x DESC) AS x, listagg(m, '|' ORDER BY m) FILTER (WHERE w > 0) AS m FROM events;
SELECT w, string_agg(upper(g), ',' ORDER BY upper(g)) || '!' AS s FROM events GROUP BY w;
