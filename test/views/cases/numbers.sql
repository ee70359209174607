-- fields: {"g": "VARCHAR?", "i": "BIGINT?", "d": "DECIMAL(18,3)?", "f": "DOUBLE?", "s": "SMALLINT?", "h": "HUGEINT?", "b": "BOOLEAN?", "r": "FLOAT?", "u": "UBIGINT?"}
-- {"g":"a","i":1,"d":1.005,"f":0.5,"s":3,"h":170141183460469231731687303715884105727,"b":true,"r":1.5,"u":18446744073709551615}
-- {"g":"a","i":9007199254740993,"d":-7.250,"f":-0.0,"s":-3,"h":-5,"b":false,"r":0.25,"u":1}
-- {"g":"b","i":9223372036854775807,"d":999999999999999.999,"f":"NaN","s":32767,"h":7,"b":true,"r":2,"u":0}
-- {"g":"b","i":-9223372036854775808,"d":0.001,"f":2.25,"s":null,"h":12345678901234567890123456789,"b":null,"r":null,"u":null}
-- {"g":null,"i":null,"d":null,"f":null,"s":null,"h":null,"b":null,"r":null,"u":null}
-- {"g":null,"i":5,"d":5.500,"f":"Infinity","s":1,"h":1,"b":false,"r":0.5,"u":5}
-- {"g":"a","i":9223372036854775807,"d":2.002,"f":1e300,"s":2,"h":-170141183460469231731687303715884105727,"b":true,"r":4,"u":9}

SELECT g, count(*), count(i), count(b), count_if(b), count_if(i > 3) AS big FROM events GROUP BY g;
SELECT g, sum(i), sum(d), sum(s), sum(b::INT) AS sb, sum(u) FROM events GROUP BY g;
SELECT g, avg(i), avg(d), avg(s), avg(u) FROM events GROUP BY ALL;
SELECT g, min(i), max(i), min(d), max(d), min(s), max(s), min(h), max(h), min(b), max(b), min(u), max(u) FROM events GROUP BY 1;
SELECT g, min(f), max(f), sum(f), avg(f), sum(r), avg(r), min(r), max(r) FROM events GROUP BY g;
SELECT count(*), sum(i), avg(i), min(i), max(d), sum(f) FROM events;
SELECT count(*) AS n, sum(i) AS s, avg(d) AS a FROM events WHERE i > 1000000000000000000000::HUGEINT;
SELECT f, count(*) AS n FROM events GROUP BY f;
SELECT r, b, count(*) AS n FROM events GROUP BY r, b;
SELECT h, u, count(*) AS n, sum(i) FROM events GROUP BY h, u;
SELECT sum(h) AS s FROM events WHERE g = 'b';
SELECT i % 2 AS parity, sum(i // 2) AS halves, round(100.0 * sum(s) / count(*), 1) AS ratio FROM events GROUP BY parity;
SELECT g, sum(i) FILTER (WHERE s > 0) AS pos, count(*) FILTER (WHERE b) AS yes, avg(d) FILTER (WHERE d > 0) AS ad, min(i) FILTER (WHERE false) AS never FROM events GROUP BY g;
SELECT g, CASE WHEN count(*) > 2 THEN 'many' ELSE 'few' END AS size, sum(d) + max(d) AS m FROM events GROUP BY g HAVING count(*) > 1 AND sum(i) IS NOT NULL;
SELECT sum(i) // 2 AS half, sum(d) // 2 AS dhalf, sum(i) / 3 AS third, avg(i)::BIGINT AS whole FROM events;
SELECT d, sum(d) AS s FROM events GROUP BY d HAVING d > 0;
SELECT coalesce(g, '-') AS g2, count(*) AS n FROM events GROUP BY g2;
SELECT avg(i + 0.5) AS a, avg(i::DECIMAL(38,5)) AS b, sum(i * 2::HUGEINT) AS c FROM events WHERE i < 100;
SELECT g FROM events GROUP BY g;
SELECT 1 AS one, 'x' AS x, count(*) AS n FROM events GROUP BY 'x';
