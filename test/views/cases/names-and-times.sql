-- fields: {"ts": "TIMESTAMP?", "day": "DATE?", "tod": "TIME?", "tz": "TIMESTAMP WITH TIME ZONE?", "o": "VARCHAR?", "a b": "BIGINT?", "Ünï": "VARCHAR?", "ms": "TIMESTAMP_MS?", "id": "UUID?", "j": "JSON?", "raw": "BLOB?"}
-- {"ts":"2001-01-01 00:00:00","day":"2001-01-01","tod":"00:00:01","tz":"2001-01-01T00:00:00+02:00","o":"lax","a b":1,"Ünï":"é","ms":"2001-01-01 00:00:00.123","id":"11111111-1111-1111-1111-111111111111","j":{"k":1},"raw":"AAEC"}
-- {"ts":"2001-01-01T00:59:59.999999","day":"1969-12-31","tod":"23:59:59.999999","tz":"2001-03-25T01:30:00Z","o":"LAX","a b":2,"Ünï":"è","ms":"2001-01-01 00:00:00.124","id":"22222222-1111-1111-1111-111111111111","j":{"k":2},"raw":""}
-- {"ts":"1969-12-31T23:59:59.999999Z","day":"2001-01-02","tod":"12:00:00","tz":"2001-03-25T01:30:00-05","o":"a\\b\"c","a b":3,"Ünï":"é","ms":"1960-01-01 00:00:00.001","id":null,"j":[1.5,"x"],"raw":"/w=="}
-- {"ts":null,"day":null,"tod":null,"tz":null,"o":"","a b":null,"Ünï":null,"ms":null,"id":null,"j":null,"raw":null}
-- {"ts":"2001-06-01 12:00:00","day":"2001-06-01","tod":"12:00:00.000001","tz":"2001-06-01 12:00:00","o":"lax","a b":4,"Ünï":"日本","ms":"2001-06-01 12:00:00","id":"11111111-1111-1111-1111-111111111111","j":{"k":1},"raw":"AAEC"}

SELECT upper(o) AS o, count(*) AS n FROM events GROUP BY o;
SELECT upper(o) AS u, count(*) AS n, min(o) AS lo, max(o) AS hi FROM events GROUP BY u;
SELECT date_trunc('hour', ts) AS hour, count(*) AS n, sum("a b") AS s FROM events GROUP BY hour;
SELECT time_bucket(INTERVAL '1 day', ts) AS d, max(ts) AS last, min(ts) AS first FROM events GROUP BY ALL;
SELECT avg(ts) AS a, avg(day) AS b, avg(tod) AS c, avg(tz) AS d, avg(ms) AS e, min(tod), max(tz), min(ms) FROM events;
SELECT o, avg(ts) AS a, avg(tz) AS d FROM events GROUP BY o;
SELECT "Ünï" AS "Größe", count(*) AS "n n" FROM events AS e GROUP BY e."Ünï";
SELECT "a b" + 1 AS plus, count(*) AS n FROM events e WHERE e."a b" IS NOT NULL GROUP BY "A B" + 1;
SELECT id, count(*) AS n, min(id) AS i2 FROM events GROUP BY id;
SELECT j, count(*) AS n FROM events GROUP BY j;
SELECT j->>'$.k' AS k, count(*) AS n FROM events GROUP BY k;
SELECT raw, count(*) AS n, max(raw) AS m FROM events GROUP BY raw;
SELECT day, tz, tod, ms, count(*) FROM events GROUP BY ALL;
SELECT extract(year FROM ts) AS y, count(*) AS n, count(*) * 2 AS twice, n + 1 AS more FROM events GROUP BY y HAVING n > 0;
SELECT max(ts) - min(ts) AS span, max(day) - min(day) AS days FROM events;
SELECT o LIKE 'l%' AS low, count(*) AS n FROM events WHERE o <> '' GROUP BY low;
SELECT o AS key, max(o) AS o, count(*) AS n FROM events GROUP BY o HAVING o > 'a';
SELECT count(*) AS n, [min(o), max(o)] AS ends, {'lo': min("a b"), 'hi': max("a b")} AS s FROM events;
