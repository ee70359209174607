-- fields: {"g": "VARCHAR?", "x": "BIGINT?"}
-- {"g": "a", "x": 1}
-- {"g": "b", "x": 5}
-- {"g": null, "x": null}

-- a set without keys that is written twice is there twice
SELECT count(*) AS n FROM events GROUP BY GROUPING SETS ((), ());
SELECT sum(x) AS s, median(x) AS m, count(DISTINCT g) AS d FROM events GROUP BY GROUPING SETS ((), (), ());
SELECT median(x) AS m, count(*) AS n FROM events WHERE x > 100 GROUP BY GROUPING SETS ((), ());
SELECT count(*) AS n FROM events GROUP BY GROUPING SETS ((), ()) HAVING count(*) > 2;
SELECT 'x' AS c, max(x) + 1 AS m FROM events GROUP BY GROUPING SETS ((), ()), GROUPING SETS ((), ());
SELECT g, count(*) AS n, median(x) AS m FROM events GROUP BY ROLLUP (g), GROUPING SETS ((), ());
SELECT fsum(x) AS s, first(x) AS f FROM events GROUP BY GROUPING SETS ((), ());
