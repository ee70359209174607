-- fields: {"g": "VARCHAR?", "n": "INTEGER?", "f": "DOUBLE?", "r": "FLOAT?", "b": "BOOLEAN?", "o": "VARCHAR?"}
-- {"g":"a","n":1,"f":-0.0,"r":-0.0,"b":true,"o":"x"}
-- {"g":"b","n":2,"f":0.0,"r":0.0,"b":false,"o":"X"}
-- {"g":"a","n":null,"f":"NaN","r":"NaN","b":null,"o":"y"}
-- {"g":null,"n":null,"f":null,"r":null,"b":null,"o":null}
-- {"g":null,"n":2,"f":"-Infinity","r":"Infinity","b":true,"o":"x"}
-- {"g":"c","n":null,"f":null,"r":null,"b":null,"o":"null"}

SELECT f, r, count(*) AS n FROM events GROUP BY f, r;
SELECT f, 1 / f AS inverse, count(*) AS n FROM events WHERE f <> 0 GROUP BY f;
SELECT g, sum(n) AS s, avg(n) AS a, min(n) AS lo, max(n) AS hi, count(n) AS c, count_if(b) AS t FROM events GROUP BY g;
SELECT g, sum(n) FILTER (WHERE b) AS s, count(*) FILTER (WHERE b) AS c, count_if(b) FILTER (WHERE n > 1) AS t FROM events GROUP BY g;
SELECT sum(n) FILTER (WHERE false) AS s, avg(n) FILTER (WHERE NULL) AS a, count(*) FILTER (WHERE n IS NULL) AS c FROM events;
SELECT count_if(b) AS t, count_if(n > 1) AS u FROM events WHERE n > 100;
SELECT count(*) AS n FROM events GROUP BY g, o;
SELECT count(*) AS n, sum(n) AS s FROM events GROUP BY o HAVING max(n) IS NOT NULL;
SELECT upper(o) AS o, count(*) AS n FROM events GROUP BY o;
SELECT upper(o) AS o, count(*) AS n FROM events GROUP BY upper(o);
SELECT upper(o) AS o, count(*) AS n FROM events GROUP BY 1;
SELECT upper(o) AS u, lower(u) AS l, u || l AS ul, count(*) AS n FROM events GROUP BY ALL;
SELECT o AS g, count(*) AS n FROM events WHERE g = 'a' GROUP BY o;
SELECT o AS k, count(*) AS n FROM events WHERE k = 'x' GROUP BY k;
SELECT o, max(g) AS g, count(*) AS n FROM events GROUP BY o HAVING max(g) > 'a';
SELECT n AS total, sum(n) AS n FROM events GROUP BY n HAVING n > 1;
SELECT g, sum(n) AS total FROM events GROUP BY g HAVING total > 1 AND count(*) > 0;
SELECT g AS x, sum(n) AS y, y * 2 AS z, z + 1 AS w, x || '-' || w AS t FROM events GROUP BY g;
SELECT g, g || o AS go, count(*) AS n FROM events GROUP BY g, o;
SELECT lower(upper(g)) AS l, upper(g) AS u, count(*) AS n FROM events GROUP BY upper(g);
SELECT coalesce(g, 'none') AS g2, coalesce(g, 'none') || '!' AS g3, count(*) AS n FROM events GROUP BY coalesce(g, 'none');
SELECT g = 'a' AS is_a, (g = 'a') IS NULL AS is_null, count(*) AS n FROM events GROUP BY g = 'a';
SELECT CASE WHEN n > 1 THEN 'many' WHEN n IS NULL THEN NULL ELSE 'one' END AS size, count(*) AS c FROM events GROUP BY size;
SELECT n % 2 AS odd, n % 2 + 1 AS more, count(*) AS c FROM events GROUP BY n % 2;
SELECT 'fixed' AS a, 1 AS b, NULL AS c, count(*) AS n FROM events GROUP BY ALL;
SELECT 'fixed' AS a, 1 AS b, min(n::TINYINT) + 1 AS m, count(*) AS n FROM events GROUP BY a, b;
SELECT 'x' AS a, g || 'x' AS b, count(*) AS n FROM events GROUP BY 'x', g;
SELECT count(*) AS n FROM events GROUP BY ();
SELECT g, n, count(*) AS c FROM events GROUP BY (g, n);
SELECT g, count(*) AS c FROM events GROUP BY g, g, 1;
FROM events SELECT g, count(*) AS c WHERE n IS NOT NULL GROUP BY g;
SELECT e.g, count(*) AS c, sum(e.n) AS s FROM events e WHERE e.n > 0 GROUP BY e.g HAVING sum(e.n) > 1;
SELECT events.g AS "G", count(*) AS c FROM EVENTS GROUP BY G;
SELECT b, b IS TRUE AS yes, count(*) AS c FROM events GROUP BY b;
SELECT g, sum(n) = 2 AS two, sum(n) + sum(n) AS twice, CASE WHEN sum(n) > 1 THEN count(*) ELSE -count(*) END AS c FROM events GROUP BY g;
SELECT sum(n) + count(*) + max(n) AS x, (sum(n) + count(*)) * 2 AS y FROM events;
SELECT g FROM events GROUP BY g HAVING sum(n) IS NULL;
SELECT g, min(o) FILTER (WHERE o <> 'x') AS a, min(o) AS b, max(o) FILTER (WHERE b IS NULL) AS c FROM events GROUP BY g;
SELECT min(f) AS a, max(f) AS b, min(r) AS c, max(r) AS d FROM events;
SELECT g, max(f) > 0 AS a, isnan(max(f)) AS b FROM events GROUP BY g;
