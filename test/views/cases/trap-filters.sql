-- FILTER, CASE and DISTINCT inside each other; conditions that are NULL, texts that hold SQL, IN lists that are long.
-- fields: {"g": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "b": "BOOLEAN?", "t": "VARCHAR?", "Straße '1'": "VARCHAR?", "日本": "INTEGER?", "-- no": "INTEGER?", "f(x)": "INTEGER?"}
-- {"g":"a","i":1,"x":0.5,"b":true,"t":"it's -- not a comment","Straße '1'":"Ä","日本":1,"-- no":1,"f(x)":2}
-- {"g":"a","i":2,"x":1.5,"b":null,"t":"100% /* sure */","Straße '1'":"ä","日本":2,"-- no":null,"f(x)":3}
-- {"g":"b","i":2,"x":null,"b":false,"t":"a_b;c","Straße '1'":null,"日本":2,"-- no":3,"f(x)":null}
-- {"g":"b","i":null,"x":4.5,"b":true,"t":"line\nbreak\t\"q\"","Straße '1'":"Ä","日本":null,"-- no":1,"f(x)":2}
-- {"g":null,"i":250,"x":-1.0,"b":null,"t":null,"Straße '1'":"","日本":7,"-- no":1,"f(x)":2}
-- {"g":"a","i":1,"x":0.5,"b":true,"t":"back\\slash 😀","Straße '1'":"Ä","日本":1,"-- no":1,"f(x)":2}

-- a condition that is NULL counts as false
SELECT count(*) FILTER (WHERE b) AS t, count(*) FILTER (WHERE NOT b) AS f, count(*) FILTER (WHERE NULL) AS n, sum(i) FILTER (WHERE NULL::BOOLEAN) AS s, count(*) FILTER (WHERE b IS NULL) AS u FROM events;
SELECT g, sum(x) FILTER (WHERE i > NULL) AS a, min(t) FILTER (WHERE b AND NULL) AS c, median(i) FILTER (WHERE b) AS m, histogram(i) FILTER (WHERE b) AS h, count_if(b) FILTER (WHERE b IS NULL) AS k FROM events GROUP BY g;
-- conditions that are numbers
SELECT count(*) FILTER (WHERE i - 1) AS n, sum(i) FILTER (WHERE i % 2) AS s FROM events WHERE i;
-- DISTINCT with FILTER
SELECT g, count(DISTINCT i) FILTER (WHERE b) AS a, sum(DISTINCT i) FILTER (WHERE x > 0) AS c, avg(DISTINCT x) FILTER (WHERE i < 100) AS d, max(DISTINCT t) FILTER (WHERE b) AS e, bit_xor(DISTINCT i) FILTER (WHERE i < 3) AS f FROM events GROUP BY g;
SELECT count(DISTINCT i) FILTER (WHERE b) AS a, count(DISTINCT i) FILTER (WHERE NOT b) AS c, count(DISTINCT i) AS d, count(i) AS e, median(DISTINCT i) AS m, var_pop(DISTINCT i) AS v, stddev(DISTINCT x) FILTER (WHERE x > 0) AS s, count_if(DISTINCT b) AS k FROM events;
-- CASE inside aggregates, aggregates inside CASE, FILTER inside both
SELECT g, sum(CASE WHEN b THEN i WHEN x > 1 THEN CASE WHEN i > 1 THEN 10 ELSE 20 END END) AS a, CASE WHEN count(*) FILTER (WHERE b) > 1 THEN CASE WHEN sum(i) FILTER (WHERE b) > 1 THEN 'both' ELSE 'one' END ELSE 'few' END AS c FROM events GROUP BY g;
SELECT CASE WHEN CASE WHEN i > 1 THEN b ELSE NOT b END THEN 'y' WHEN i IS NULL THEN NULL ELSE 'n' END AS k, count(*) FILTER (WHERE CASE WHEN b THEN i > 1 ELSE x > 0 END) AS n FROM events GROUP BY k;
SELECT coalesce(sum(i) FILTER (WHERE b), sum(i) FILTER (WHERE NOT b), -1) AS a, if(count(*) FILTER (WHERE b) > 2, max(i), min(i)) AS c, nullif(count(*), 6) AS d, count(*) FILTER (WHERE g = 'a') / count(*) AS share FROM events;
SELECT g, sum(i) FILTER (WHERE b) IS NULL AS a, NOT bool_and(b) FILTER (WHERE i > 1) AS c, -min(x) FILTER (WHERE x > 0) AS d FROM events GROUP BY g HAVING count(*) FILTER (WHERE i > 0) > 0 OR sum(i) FILTER (WHERE false) IS NULL;
-- LIKE, patterns, quotes, comments and semicolons in texts and between the words
SELECT count(*) AS n FROM events WHERE t LIKE '%it''s -- not%' OR t LIKE '100\% /* %' ESCAPE '\' OR t ILIKE 'A\_B;%' ESCAPE '\';
SELECT t LIKE '%--%' AS a, t LIKE '%/*%*/%' AS c, t ~ '.*["\\].*' AS d, t SIMILAR TO '%(;|%)%' AS e, t GLOB '*[;]*' AS f, count(*) AS n FROM events GROUP BY ALL;
SELECT regexp_matches(t, '(?i)^IT''S|--|/\*') AS a, regexp_extract(t, '([a-z]+)\W+(\w)', 2) AS c, regexp_replace(t, '[''"]', '$', 'g') AS d, count(*) AS n FROM events GROUP BY ALL;
SELECT /* GROUP BY x; */ g, -- the group; HAVING 1
  count(*) /* FILTER (WHERE b) */ AS "n -- n", sum(i) AS "a /* b */ c" FROM events /* ; */ WHERE t <> ';' -- AND false
GROUP BY g /* , t */ HAVING count(*) > 0 -- ; OR true
;
SELECT 'WHERE' AS "GROUP BY", $$it's; -- $$ AS d, E'\n;''' AS e, 'FROM events' || max(t) AS m FROM events;
-- IN lists
SELECT count(*) AS n, sum(i) AS s FROM events WHERE i IN (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126, 128, 130, 132, 134, 136, 138, 140, 142, 144, 146, 148, 150, 152, 154, 156, 158, 160, 162, 164, 166, 168, 170, 172, 174, 176, 178, 180, 182, 184, 186, 188, 190, 192, 194, 196, 198, 200, 202, 204, 206, 208, 210, 212, 214, 216, 218, 220, 222, 224, 226, 228, 230, 232, 234, 236, 238, 240, 242, 244, 246, 248, 250, 252, 254, 256, 258, 260, 262, 264, 266, 268, 270, 272, 274, 276, 278, 280, 282, 284, 286, 288, 290, 292, 294, 296, 298, 300, 302, 304, 306, 308, 310, 312, 314, 316, 318, 320, 322, 324, 326, 328, 330, 332, 334, 336, 338, 340, 342, 344, 346, 348, 350, 352, 354, 356, 358, 360, 362, 364, 366, 368, 370, 372, 374, 376, 378, 380, 382, 384, 386, 388, 390, 392, 394, 396, 398);
SELECT g, count(*) FILTER (WHERE i NOT IN (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122, 124, 126, 128, 130, 132, 134, 136, 138, 140, 142, 144, 146, 148, 150, 152, 154, 156, 158, 160, 162, 164, 166, 168, 170, 172, 174, 176, 178, 180, 182, 184, 186, 188, 190, 192, 194, 196, 198, 200, 202, 204, 206, 208, 210, 212, 214, 216, 218, 220, 222, 224, 226, 228, 230, 232, 234, 236, 238, 240, 242, 244, 246, 248, 250, 252, 254, 256, 258, 260, 262, 264, 266, 268, 270, 272, 274, 276, 278, 280, 282, 284, 286, 288, 290, 292, 294, 296, 298, 300, 302, 304, 306, 308, 310, 312, 314, 316, 318, 320, 322, 324, 326, 328, 330, 332, 334, 336, 338, 340, 342, 344, 346, 348, 350, 352, 354, 356, 358, 360, 362, 364, 366, 368, 370, 372, 374, 376, 378, 380, 382, 384, 386, 388, 390, 392, 394, 396, 398)) AS out, count(*) FILTER (WHERE i IN (1, NULL)) AS a, count(*) FILTER (WHERE i NOT IN (1, NULL)) AS c, count(*) FILTER (WHERE t IN ('it''s -- not a comment', 'a_b;c')) AS d FROM events GROUP BY g;
SELECT (g, i) IN (('a', 1), ('b', 2)) AS pair, i BETWEEN 1 AND 2 AS two, count(*) AS n FROM events GROUP BY ALL;
-- names that need quotes
SELECT "Straße '1'" AS "größe", count(*) AS "日本", max("日本") AS "Max ""日本""" FROM events GROUP BY "Straße '1'";
SELECT "-- no" AS "-- no", sum("f(x)") AS "sum(f(x))", "-- no" + count(*) AS "a+b" FROM events AS "from" WHERE "from"."f(x)" > 1 GROUP BY "from"."-- no";
