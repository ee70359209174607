-- Grouping sets by position, alias and expression, nested, crossed and repeated; NULLs of the data beside NULLs of a set.
-- fields: {"g": "VARCHAR?", "h": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?"}
-- {"g":"a","h":"p","i":1,"x":-0.0}
-- {"g":"a","h":null,"i":2,"x":0.0}
-- {"g":null,"h":"p","i":3,"x":"NaN"}
-- {"g":null,"h":null,"i":null,"x":null}
-- {"g":"b","h":"p","i":1,"x":2.5}

SELECT g, h, count(*) AS n FROM events GROUP BY ROLLUP (1, 2);
SELECT upper(g) AS u, lower(h) AS l, count(*) AS n FROM events GROUP BY CUBE (u, l);
SELECT g, count(*) AS n FROM events GROUP BY GROUPING SETS ((g), (g));
SELECT g, count(*) AS n, sum(i) AS s FROM events GROUP BY GROUPING SETS ((), (), (g));
SELECT g, h, i, count(*) AS n FROM events GROUP BY GROUPING SETS (ROLLUP (g, h), (i), CUBE (h));
SELECT g, h, count(*) AS n, count(DISTINCT i) AS d FROM events GROUP BY g, GROUPING SETS ((h), ());
SELECT g, x, count(*) AS n, min(x) AS lo FROM events GROUP BY ROLLUP (x, g);
SELECT count(*) AS n FROM events GROUP BY CUBE (g, h);
SELECT g, h, GROUPING(g, h) AS w, GROUPING(h) AS wh, GROUPING_ID(h, g) AS id, count(*) AS n FROM events GROUP BY ROLLUP (g, h) HAVING GROUPING(g, h) IN (0, 3);
SELECT g || '-' || h AS gh, g, h, count(*) AS n FROM events GROUP BY CUBE (g, h);
SELECT i % 2 AS odd, i % 2 + 1 AS more, count(*) AS n, sum(i) AS s FROM events GROUP BY ROLLUP (i % 2);
SELECT g, h, median(i) AS m, avg(x) FILTER (WHERE x < 1) AS a, histogram(h) AS hh, stddev(i) AS s FROM events GROUP BY GROUPING SETS ((g, h), (g), (h), ());
SELECT coalesce(g, CASE WHEN GROUPING(g) = 1 THEN 'all' ELSE 'none' END) AS name, sum(i) AS s FROM events GROUP BY ROLLUP (g);
SELECT g, count(*) AS n FROM events WHERE i > 1 GROUP BY ROLLUP (g) HAVING g IS NOT NULL OR GROUPING(g) = 1;
