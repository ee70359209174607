-- No events: one row for every empty set of keys (none, (), ALL without keys, ROLLUP's last), no row for any other.
-- fields: {"g": "VARCHAR?", "h": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "y": "DOUBLE?", "b": "BOOLEAN?", "ts": "TIMESTAMP?", "l": "BIGINT[]?"}

SELECT g, count(*) AS n, sum(i) AS s FROM events GROUP BY ROLLUP (g);
SELECT g, h, count(*) AS n, median(i) AS m, count(DISTINCT i) AS d FROM events GROUP BY CUBE (g, h);
SELECT count(*) AS n FROM events GROUP BY GROUPING SETS ((g), (), ());
SELECT g, grouping(g) AS w, count(*) AS n FROM events GROUP BY GROUPING SETS ((g), (h));
SELECT g, count(*) AS n FROM events GROUP BY g, ROLLUP (h);
SELECT count(*) AS n FROM events GROUP BY ();
SELECT g, count(*) AS n FROM events GROUP BY ALL;
SELECT 'a' AS a, count(*) AS n FROM events GROUP BY a;
SELECT 'a' AS a, count(*) AS n FROM events GROUP BY 1;
SELECT count(*) AS n FROM events GROUP BY 'a', 1 + 1;
SELECT sum(i) AS s FROM events HAVING count(*) = 0;
SELECT sum(i) AS s FROM events HAVING sum(i) > 0;
SELECT g, count(*) AS n FROM events GROUP BY ROLLUP (g) HAVING count(*) = 0;
SELECT typeof(count(*)) AS a, typeof(sum(i)) AS b, typeof(avg(i)) AS c, typeof(median(i)) AS d, typeof(max(ts)) AS e, typeof(count_if(b)) AS f, typeof(regr_count(y, x)) AS h FROM events;
SELECT count(*), count(i), count(DISTINCT i), count_if(b), sum(b), sum(i), sum(x), avg(i), avg(ts), min(g), max(l), bool_and(b), bool_or(b), bit_and(i), bit_or(i), bit_xor(i) FROM events;
SELECT median(i), median(g), quantile_cont(x, 0.5), quantile_disc(g, 0.5), quantile_disc(g, [0.5]), histogram(i), entropy(i), sum(DISTINCT x), var_pop(DISTINCT x) FROM events;
SELECT var_pop(x), var_samp(x), stddev(x), sem(x), corr(y, x), covar_pop(y, x), covar_samp(y, x), regr_count(y, x), regr_slope(y, x), regr_intercept(y, x), regr_r2(y, x), regr_avgx(y, x), regr_sxx(y, x), regr_sxy(y, x) FROM events;
SELECT count(*) + coalesce(sum(i), 0) AS a, 1 / count(*) AS b, CASE WHEN count(*) = 0 THEN 'none' END AS c, coalesce(max(ts), TIMESTAMP '2000-01-01') AS d, [count(*)] AS e FROM events;
SELECT u, count(*) AS n FROM (SELECT unnest(l) AS u FROM events) GROUP BY u;
SELECT count(*) AS n, sum(u) AS s FROM (SELECT unnest(l) AS u FROM events UNION ALL SELECT i FROM events);
