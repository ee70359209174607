-- fields: {"g": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "l": "BIGINT[]?", "ts": "TIMESTAMP?", "st": "STRUCT(a BIGINT, b VARCHAR)?"}
-- {"g":"a","i":1,"x":0.5,"l":[1,2,3],"ts":"2001-01-01 00:10:00","st":{"a":1,"b":"x"}}
-- {"g":"b","i":2,"x":1.5,"l":[],"ts":"2001-01-01 00:50:00","st":{"a":2,"b":null}}
-- {"g":"a","i":null,"x":null,"l":null,"ts":"2001-01-01 01:05:00","st":null}
-- {"g":null,"i":4,"x":-2.0,"l":[3,null,3],"ts":null,"st":{"a":null,"b":"x"}}
-- {"g":"b","i":5,"x":1000.0,"l":[2],"ts":"2001-01-01 01:59:59","st":{"a":1,"b":"y"}}

SELECT u, count(*) AS n, sum(i) AS s FROM (SELECT unnest(l) AS u, i FROM events) GROUP BY u;
SELECT t.u, count(DISTINCT t.g) AS g FROM (SELECT unnest(l) AS u, g FROM events WHERE i > 0) AS t GROUP BY t.u HAVING count(*) > 1;
SELECT y, count(*) AS n FROM (SELECT *, i * 2 AS y FROM events WHERE g IS NOT NULL) GROUP BY y;
WITH a AS (SELECT g, i + 1 AS j FROM events), b AS (SELECT * FROM a WHERE j > 2) SELECT g, sum(j) AS s, count(*) AS n FROM b GROUP BY g;
WITH events_of_a AS (SELECT * FROM events WHERE g = 'a') SELECT count(*) AS n, avg(x) AS m FROM events_of_a;
SELECT g, count(*) AS n FROM (SELECT g, i FROM events UNION ALL SELECT 'all', i FROM events) GROUP BY g;
SELECT g, sum(v) AS s FROM (SELECT g, unnest([i, i * 10]) AS v FROM events UNION ALL SELECT g, 1000 FROM events WHERE i IS NULL) t GROUP BY g;
SELECT w, count(*) AS n, sum(i) AS s FROM (SELECT unnest(generate_series(time_bucket(INTERVAL '30 minutes', ts) - INTERVAL '30 minutes', time_bucket(INTERVAL '30 minutes', ts), INTERVAL '30 minutes')) AS w, i FROM events WHERE ts IS NOT NULL) GROUP BY w;
SELECT k, count(*) AS n FROM (SELECT CASE WHEN x > 1e2 THEN 'big' ELSE 'small' END AS k FROM events) GROUP BY k;
SELECT a, count(*) AS n FROM (SELECT unnest(st) FROM events) GROUP BY a;
SELECT median(u) AS m, count(*) AS n FROM (SELECT unnest(l) AS u FROM (SELECT l FROM events WHERE x > -5.0)) WHERE u IS NOT NULL;
SELECT "G ü", count(*) AS n FROM (SELECT g AS "G ü" FROM events) AS "T t" GROUP BY "T t"."G ü";
SELECT g, max(y) AS y FROM (SELECT g, list_transform(l, lambda v: v + 1) AS y FROM events) GROUP BY g;
