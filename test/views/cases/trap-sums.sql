-- Sums: their types, digits and overflows. A count is summed to merge and stays BIGINT and 0; casts, // and / see the whole sum only.
-- fields: {"g": "VARCHAR?", "i": "BIGINT?", "s": "SMALLINT?", "d": "DECIMAL(9,2)?", "w": "DECIMAL(38,0)?", "v": "DECIMAL(38,37)?", "u": "UBIGINT?", "h": "HUGEINT?", "b": "BOOLEAN?"}
-- {"g":"a","i":9223372036854775807,"s":1000,"d":0.01,"w":"60000000000000000000000000000000000000","v":"9.9999999999999999999999999999999999999","u":18446744073709551615,"h":170141183460469231731687303715884105727,"b":true}
-- {"g":"a","i":9223372036854775807,"s":-990,"d":-7.25,"w":"60000000000000000000000000000000000000","v":"0.0000000000000000000000000000000000001","u":18446744073709551615,"h":-170141183460469231731687303715884105727,"b":false}
-- {"g":"b","i":-5,"s":32767,"d":0.02,"w":"-99999999999999999999999999999999999999","v":"-9.5","u":0,"h":-1,"b":null}
-- {"g":"b","i":5,"s":null,"d":9999999.99,"w":"1","v":"3.25","u":1,"h":1,"b":true}
-- {"g":null,"i":null,"s":null,"d":null,"w":null,"v":null,"u":null,"h":null,"b":null}
-- {"g":"c","i":-9223372036854775808,"s":-32768,"d":-0.01,"w":"-1","v":"0","u":7,"h":5,"b":false}

-- count merges by sum, and is neither HUGEINT nor NULL
SELECT typeof(count(*)) AS a, typeof(count(i)) AS b, typeof(count_if(b)) AS c, typeof(count(DISTINCT i)) AS d, typeof(sum(1)) AS e, typeof(sum(b)) AS f FROM events;
SELECT count(*) AS n, count(i) AS c, count(DISTINCT i) AS d, sum(1) AS s, count_if(b) AS t, sum(b) AS sb FROM events WHERE i = 77;
SELECT g, count(i) AS c, count(*) FILTER (WHERE b) AS f, count(i) / 2 AS half, count(*) // 2 AS whole, count(*) % 2 AS odd FROM events GROUP BY g;
-- sum // 2: of integers rounds down the magnitude, of decimals is a decimal's own; the parts' halves would not add up
SELECT g, sum(s) // 2 AS a, sum(i) // 2 AS b, sum(d) // 2 AS c, sum(d)::DOUBLE // 2 AS e, sum(s) / 2 AS f FROM events GROUP BY g;
SELECT sum(s // 2) AS a, sum(s) // 2 AS b, sum(d) % 2 AS c, -sum(s) // 3 AS e FROM events WHERE s < 32767;
-- beyond 64 bits, beyond 38 digits, and back
SELECT g, sum(i) AS i, sum(u) AS u FROM events GROUP BY g;
SELECT sum(i) AS i, sum(u) AS u, sum(i) + sum(u) AS iu, avg(i) AS ai, avg(u) AS au FROM events;
SELECT sum(v) AS s, avg(s) AS a, min(v) AS lo, max(v) AS hi FROM events;
SELECT g, sum(h) AS h FROM events GROUP BY g;
SELECT g, sum(w) AS w, typeof(sum(w)) AS t, sum(w) > 99999999999999999999999999999999999999 AS beyond FROM events WHERE g <> 'a' GROUP BY g;
-- a cast that the whole fits and a part does not
SELECT sum(s)::TINYINT AS t FROM events WHERE s IN (1000, -990);
SELECT g, TRY_CAST(sum(s) AS SMALLINT) AS t, CASE WHEN sum(s) BETWEEN -128 AND 127 THEN sum(s)::TINYINT END AS c, sum(d)::DECIMAL(9,2) AS d FROM events WHERE g = 'a' GROUP BY g;
SELECT CAST(sum(i) AS BIGINT) AS back FROM events WHERE i IN (5, -5, 9223372036854775807) AND g = 'b' OR s = 1000;
-- dividing by zero in finalize
SELECT g, sum(s) / nullif(sum(s) - 10, 0) AS a, sum(s) / (sum(s) - 10) AS b, sum(s) // (sum(s) - 10) AS c, sum(s) % (sum(s) - 10) AS d, 1 / count(s) AS e, sum(d) / (count(*) - 2) AS f FROM events GROUP BY g;
SELECT g, sum(s) AS s FROM events GROUP BY g HAVING 100 // (sum(s) - 10) IS NULL;
