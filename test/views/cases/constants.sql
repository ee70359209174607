-- fields: {"i": "BIGINT?", "d": "DECIMAL(18,3)?", "w": "DECIMAL(38,10)?", "f": "DOUBLE?", "t": "VARCHAR?", "h": "HUGEINT?", "s": "TINYINT?"}
-- {"i":9223372036854775807,"d":0.001,"w":"1234567890123456789012345678.0123456789","f":1e300,"t":"it's","h":170141183460469231731687303715884105,"s":127}
-- {"i":-9223372036854775808,"d":-0.001,"w":0.0000000001,"f":-1e300,"t":"a\\b","h":-170141183460469231731687303715884105,"s":-128}
-- {"i":1000,"d":999999999999999.999,"w":-0.5,"f":1000,"t":"q\"uote","h":9223372036854775808,"s":1}
-- {"i":0,"d":0.5,"w":2.5,"f":0.1,"t":"","h":0,"s":0}
-- {"i":5,"d":2.5,"w":1e3,"f":100000000000000000000,"t":"ünï\n2","h":18446744073709551616,"s":3}

SELECT count(*) AS n FROM events WHERE i > -9223372036854775808;
SELECT count(*) AS n FROM events WHERE i = -9223372036854775808 OR i = 9223372036854775807;
SELECT count(*) FILTER (WHERE h >= 9223372036854775808) AS a, count(*) FILTER (WHERE h > 18446744073709551615) AS b, count(*) FILTER (WHERE h > 340282366920938463463374607431768211455) AS c FROM events;
SELECT count(*) FILTER (WHERE f > 1e20) AS a, count(*) FILTER (WHERE f >= 1e20) AS b, count(*) FILTER (WHERE f < 1e3) AS c, count(*) FILTER (WHERE f <= 1e3) AS d FROM events;
SELECT sum(i % 100 * 1e3) AS a, sum(i % 100 * 1000.0) AS b, typeof(sum(s * 1e0)) AS c, typeof(sum(s * 1.0)) AS d FROM events;
SELECT i * 1e-3 > 0.5 AS k, typeof(s * 1e0) AS t, count(*) AS n FROM events GROUP BY ALL;
SELECT d::DECIMAL(30,3) + 0.0005 AS k, typeof(s + 0.0005) AS ty, count(*) AS n FROM events GROUP BY k, ty;
SELECT d * 1.50 AS k, count(*) AS n FROM events WHERE d < 1000000 GROUP BY k;
SELECT w + 12345678901234567.89 AS k, count(*) AS n FROM events GROUP BY k;
SELECT f / 3 AS k, count(*) AS n FROM events GROUP BY k;
SELECT 1e300 AS a, 1e20 AS b, -1e3 AS c, 0.1 AS d, 1_000 AS e, -5 AS g, 9223372036854775808 AS h, count(*) AS n FROM events;
SELECT typeof(1e3) AS a, typeof(1000.0) AS b, typeof(9223372036854775808) AS c, typeof(-9223372036854775808) AS d, typeof(1::TINYINT) AS e, count(*) AS n FROM events;
SELECT t || 'it''s' || '"' || '\' || '\n' || E'\n' || $$d'q$$ AS k, count(*) AS n FROM events GROUP BY k;
SELECT count(*) AS n FROM events WHERE t IN ('it''s', 'q"uote', 'a\b', '');
SELECT t = '' AS empty, t LIKE '%\%' AS slash, t LIKE 'a!\%' ESCAPE '!' AS escaped, count(*) AS n FROM events GROUP BY ALL;
SELECT '' AS a, 'é😀' AS b, 'a;b' AS c, '-- no' AS d, '/* no */' AS e, count(*) AS n FROM events;
SELECT count(*) AS "a;b", sum(s) AS "-- c", max(t) AS "q""q", min(t) AS "é 😀" FROM events;
SELECT sum(s) AS a, sum(s) * 1e3 AS b, sum(s) * 1000.0 AS c, sum(s) / 7 AS d, sum(s) // 2 AS e, sum(s) % 2 AS f, -sum(s) AS g FROM events;
SELECT sum(d) AS a, sum(d) // 2 AS b, sum(d) / 3 AS c, sum(d) % 1 AS e, round(sum(d), 1) AS f, sum(d)::BIGINT AS g FROM events;
SELECT sum(w) AS a, avg(w) AS b, min(w) AS c, max(w) AS d, avg(w) * 2 AS e FROM events;
SELECT sum(i) AS a, sum(i::DECIMAL(20,0)) AS b, sum(i::HUGEINT) AS c, avg(i) AS d, avg(h) AS e, sum(h) AS g FROM events;
SELECT avg(d) AS a, avg(d) > 0.5 AS b, floor(avg(d)) AS c, avg(s) AS e, avg(s)::DECIMAL(10,3) AS g FROM events WHERE d < 1000;
SELECT sum(i) AS a, count(*) AS n FROM events WHERE i BETWEEN -5 AND 1e3;
SELECT DATE '2001-02-03' AS a, TIMESTAMP '2001-02-03 04:05:06.789' AS b, INTERVAL '1 month 2 days' AS c, TIME '01:02:03' AS d, count(*) AS n FROM events;
SELECT true AS a, false AS b, NULL AS c, NULL::VARCHAR AS d, [1, NULL] AS e, {'x': 1, 'y': 'z'} AS g, count(*) AS n FROM events;
SELECT '\xFF\x00'::BLOB AS a, '11111111-1111-1111-1111-111111111111'::UUID AS b, 'NaN'::DOUBLE AS c, '-inf'::FLOAT AS d, count(*) AS n FROM events;
SELECT CAST(sum(s) AS VARCHAR) AS a, TRY_CAST(max(t) AS INTEGER) AS b, sum(s)::TINYINT AS c, max(t)::VARCHAR AS d FROM events;
SELECT max(s) - 1 AS a, max(s) - 1::TINYINT AS b, min(s) / 2 AS c, typeof(max(s)) AS d, typeof(sum(s)) AS e, typeof(avg(s)) AS g, typeof(count(*)) AS h FROM events;
