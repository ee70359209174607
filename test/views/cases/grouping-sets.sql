-- fields: {"g": "VARCHAR?", "h": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "ts": "TIMESTAMP?"}
-- {"g":"a","h":"p","i":1,"x":0.5,"ts":"2001-01-01 00:10:00"}
-- {"g":"b","h":"p","i":2,"x":1.5,"ts":"2001-01-01 00:50:00"}
-- {"g":"a","h":null,"i":null,"x":null,"ts":"2001-01-01 01:05:00"}
-- {"g":null,"h":"q","i":4,"x":-2.0,"ts":null}
-- {"g":"b","h":"q","i":1,"x":8.0,"ts":"2001-01-02 01:59:59"}
-- {"g":null,"h":null,"i":7,"x":1.0,"ts":"2001-01-02 00:00:00"}

SELECT g, count(*) AS n, sum(i) AS s, avg(i) AS a FROM events GROUP BY ROLLUP (g);
SELECT g, h, count(*) AS n, max(x) AS m, grouping(g) AS gg, grouping(h, g) AS both FROM events GROUP BY CUBE (g, h);
SELECT g, h, count(*) AS n FROM events GROUP BY GROUPING SETS ((g), (h), ());
SELECT g, h, count(DISTINCT i) AS d, median(i) AS m, count(*) AS n, grouping(g, h) AS w FROM events GROUP BY ROLLUP (g, h);
SELECT upper(g) AS u, date_trunc('day', ts) AS day, stddev(x) AS s, bool_or(i > 1) AS b FROM events GROUP BY GROUPING SETS ((upper(g), day), (day), (upper(g)));
SELECT g, sum(i) AS s FROM events GROUP BY ROLLUP (g) HAVING sum(i) > 3 OR grouping(g) = 1;
SELECT CASE WHEN grouping(g) = 1 THEN 'all' ELSE coalesce(g, 'none') END AS name, count(*) AS n FROM events GROUP BY ROLLUP (g);
SELECT g, grouping(g) AS w, count(*) AS n FROM events GROUP BY g;
SELECT count(*) AS n, count(DISTINCT g) AS d, grouping(h) AS w FROM events WHERE i > 1 GROUP BY h, ROLLUP (g);
SELECT g, count(*) AS n, count(DISTINCT i) AS d, entropy(h) AS e, sum(i) AS s FROM events WHERE false GROUP BY ROLLUP (g);
SELECT g, count(*) AS n, sum(i) AS s FROM events WHERE false GROUP BY CUBE (g, h);
SELECT g, sum(i) FILTER (WHERE h = 'p') AS s, quantile_disc(i, 0.5) FILTER (WHERE h = 'q') AS q FROM events GROUP BY GROUPING SETS ((g, h), (), (g));
-- A set that is there twice gives its rows twice, where values are kept, too.
SELECT g, median(i) AS m, count(*) AS n FROM events GROUP BY GROUPING SETS ((g), (g), ());
SELECT g, h, count(DISTINCT i) AS d FROM events GROUP BY GROUPING SETS ((g, h), (h), (h, g), (), ());
SELECT histogram(h) AS p FROM events GROUP BY ROLLUP (g) HAVING histogram(h) IS NOT NULL;
