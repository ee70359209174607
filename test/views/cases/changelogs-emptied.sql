-- fields: {"id": "UUID", "g": "VARCHAR?", "x": "DOUBLE?", "n": "INTEGER?"}
-- key: id
-- fields of visits: {"g": "VARCHAR", "n": "INTEGER"}
-- fields of shops: {"Shop Name": "VARCHAR", "g": "VARCHAR?"}
-- key of shops: Shop Name
-- reference regions: SELECT * FROM (VALUES ('a', 'north'), ('b', 'south'), ('c', 'south')) t(g, region)
-- {"id":"11111111-1111-1111-1111-111111111111","g":"a","x":1e308,"n":1}
-- visits {"g":"a","n":5}
-- {"id":"22222222-2222-2222-2222-222222222222","g":"b","x":1e308,"n":2}
-- shops {"Shop Name":"one","g":"a"}
-- {"id":"22222222-2222-2222-2222-222222222222","g":"a","x":1e308,"n":null}
-- shops {"Shop Name":"two","g":"c"}
-- gone {"id":"22222222-2222-2222-2222-222222222222"}
-- shops {"Shop Name":"one","g":"c"}
-- visits {"g":"b","n":6}
-- gone {"id":"11111111-1111-1111-1111-111111111111"}
-- shops gone {"Shop Name":"two"}

SELECT count(*) AS n, sum(n) AS s, sum(x) AS x, avg(x) AS a, min(x) AS m, median(n) AS d, bool_and(n > 1) AS b, bit_xor(n) AS o, histogram(g) AS h, string_agg(g, ',' ORDER BY g) AS t FROM events;
SELECT g, count(*) AS n FROM events GROUP BY ROLLUP (g);
SELECT g, sum(n) AS n, count(*) AS c FROM (SELECT g, n FROM events UNION ALL SELECT g, n FROM visits) GROUP BY g;
SELECT g, count(*) AS c, min(k) AS k FROM (SELECT g, 'shop' AS k FROM shops UNION ALL SELECT g, 'event' AS k FROM events) GROUP BY g;
SELECT region, count(*) AS n, max("Shop Name") AS m FROM shops JOIN regions USING (g) GROUP BY region;
SELECT region, count(*) AS n FROM (SELECT g FROM shops UNION ALL SELECT g FROM visits) s LEFT JOIN regions r ON r.g = s.g GROUP BY region;
