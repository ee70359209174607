-- fields: {"l": "BIGINT[]?", "ll": "VARCHAR[][]?", "s": "STRUCT(a BIGINT, \"b c\" VARCHAR)?", "j": "JSON?", "u": "UUID?", "x": "BLOB?", "day": "DATE?", "tod": "TIME?", "ts": "TIMESTAMP?", "ns": "TIMESTAMP_NS?", "sec": "TIMESTAMP_S?", "tz": "TIMESTAMP WITH TIME ZONE?", "select": "BIGINT?", "a.b": "BIGINT?"}
-- {"l":[1,2,3],"ll":[["a"],[]],"s":{"a":1,"b c":"x"},"j":{"k":1,"m":[1,2]},"u":"11111111-1111-1111-1111-111111111111","x":"AAEC","day":"2001-01-31","tod":"10:00:00","ts":"2001-01-31 10:15:00","ns":"2001-01-01 00:00:00.123456789","sec":"2001-01-01 00:00:01","tz":"2001-03-25T00:30:00Z","select":1,"a.b":7}
-- {"l":[],"ll":[],"s":{"a":null,"b c":"y"},"j":{"k":"t"},"u":"ffffffff-1111-1111-1111-111111111111","x":"","day":"2000-02-29","tod":"23:59:59.999999","ts":"2000-02-29 23:59:59.999999","ns":"2001-01-01 00:00:00.123456788","sec":"1960-01-01 00:00:01","tz":"2001-03-25T01:30:00Z","select":2,"a.b":8}
-- {"l":null,"ll":null,"s":null,"j":null,"u":null,"x":null,"day":null,"tod":null,"ts":null,"ns":null,"sec":null,"tz":null,"select":null,"a.b":null}
-- {"l":[1,2,3],"ll":[["a"],[]],"s":{"a":1,"b c":"x"},"j":[1],"u":"11111111-1111-1111-1111-111111111111","x":"AAEC","day":"1969-12-31","tod":"00:00:00","ts":"1969-12-31 23:00:00","ns":"1960-01-01 00:00:00.000000001","sec":"2001-01-01 00:00:01","tz":"1969-12-31T23:59:59.5-05","select":1,"a.b":7}

SELECT l, count(*) AS n, max(l) AS hi, min(ll) AS lo FROM events GROUP BY l;
SELECT ll, s, count(*) AS n FROM events GROUP BY ALL;
SELECT s.a, s."b c" AS bc, events.s.a + 1 AS a1, count(*) AS n FROM events GROUP BY s.a, s."b c";
SELECT s['a'] AS a, (s)."b c" AS b, struct_extract(s, 'a') AS c, count(*) AS n FROM events GROUP BY ALL;
SELECT max(s) AS hi, min(s) AS lo, max(s).a AS a, min(s)['b c'] AS b FROM events;
SELECT l[1] AS a, l[-1] AS b, l[1:2] AS c, len(l) AS d, count(*) AS n FROM events GROUP BY ALL;
SELECT list_transform(l, lambda e: e * 2) AS a, [e + 1 FOR e IN l IF e > 1] AS b, list_filter(l, lambda e, i: e > i - 1) AS c, count(*) AS n FROM events GROUP BY ALL;
SELECT list_transform(l, lambda e: e + "select") AS a, list_reduce(list_concat([0], l), lambda p, q: p + q) AS b, count(*) AS n FROM events GROUP BY ALL;
SELECT list_sum(l) AS a, list_aggregate(l, 'max') AS b, list_contains(l, 2) AS c, count(*) AS n FROM events WHERE list_contains(list_transform(l, lambda e: e + 1), 3) OR l IS NULL GROUP BY ALL;
SELECT list_transform([count(*), sum("select")], lambda e: e + 1) AS a, list_sort([max("select"), min("select")]) AS b FROM events;
SELECT "select" AS e, list_transform([count(*)], lambda e2: e2 + "select") AS b FROM events GROUP BY "select";
SELECT j, count(*) AS n, count(j) AS c FROM events GROUP BY j;
SELECT j -> 'k' AS a, j ->> '$.k' AS b, j -> '$.m[0]' AS c, (j -> 'm') ->> 0 AS d, json_type(j) AS e, count(*) AS n FROM events GROUP BY ALL;
SELECT count(*) AS n, max(j ->> '$.k') AS hi, to_json(count(*)) AS t, json_object('n', count(*), 'hi', max("select")) AS o FROM events;
SELECT u, x, count(*) AS n, min(u) AS lo, max(x) AS hi FROM events GROUP BY u, x;
SELECT octet_length(x) AS a, x::VARCHAR AS b, hex(x) AS c, count(*) AS n FROM events GROUP BY ALL;
SELECT day, tod, ns, sec, tz, count(*) AS n FROM events GROUP BY ALL;
SELECT min(day) AS a, max(tod) AS b, min(ns) AS c, max(ns) AS d, min(sec) AS e, max(tz) AS g, avg(sec) AS h, avg(tz) AS k, avg(tod) AS m, avg(day) AS p FROM events;
SELECT max(ts) - min(ts) AS span, max(day) - min(day) AS days, max(ts) + INTERVAL 1 MONTH AS later, age(max(ts), min(ts)) AS age FROM events;
SELECT date_trunc('month', ts) AS a, time_bucket(INTERVAL '15 minutes', ts) AS b, extract(dow FROM ts) AS c, year(day) AS d, strftime(ts, '%Y-%m') AS e, count(*) AS n FROM events GROUP BY ALL;
SELECT ts + INTERVAL 1 MONTH AS a, day - INTERVAL 1 DAY AS b, ts::DATE AS c, day + tod AS d, day + 1 AS e, last_day(day) AS g, count(*) AS n FROM events GROUP BY ALL;
SELECT tz::VARCHAR AS a, tz::DATE AS b, tz AT TIME ZONE 'Europe/Berlin' AS c, date_trunc('day', tz) AS d, timezone('America/New_York', ts) AS e, count(*) AS n FROM events GROUP BY ALL;
SELECT epoch(ts) AS a, epoch_ms(ts) AS b, epoch_us(tz) AS c, make_timestamp(epoch_us(ts)) AS d, datediff('day', DATE '2000-01-01', day) AS e, count(*) AS n FROM events GROUP BY ALL;
SELECT ts > '2000-01-01' AS a, day BETWEEN '2000-01-01' AND DATE '2001-01-31' AS b, ts IS DISTINCT FROM NULL AS c, tod < TIME '12:00:00' AS d, count(*) AS n FROM events GROUP BY ALL;
SELECT count(*) FILTER (WHERE ts >= '2000-01-01' AND ts < '2001-01-01') AS a, count_if(day IN ('2000-02-29', '2001-01-31')) AS b FROM events;
SELECT greatest(day, DATE '2000-06-01') AS a, nullif("select", 1) AS b, ifnull("select", -1) AS c, coalesce(ts, TIMESTAMP '1970-01-01') AS d, least("select", "a.b") AS e, count(*) AS n FROM events GROUP BY ALL;
SELECT "select", "a.b", "select" + "a.b" AS "from", count(*) AS "group" FROM events GROUP BY "select", "a.b";
SELECT sum("select") AS "sum", avg("a.b") AS "a.b", events."a.b" AS "x.y" FROM events GROUP BY "events"."a.b";
SELECT {'n': count(*), 'in': {'s': sum("select")}} AS a, [{'k': max("select")}] AS b, struct_pack(z := min("a.b")) AS c, count(*) AS n, {'n2': n} AS d FROM events;
SELECT s IS NULL AS a, s = {'a': 1, 'b c': 'x'} AS b, l = [1, 2, 3] AS c, count(*) AS n FROM events GROUP BY ALL;
SELECT regexp_matches(u::VARCHAR, '^f') AS a, regexp_extract(strftime(day, '%Y'), '(\d)$', 1) AS b, count(*) AS n FROM events GROUP BY ALL;
SELECT map_from_entries([('a', count(*))]) AS m, max("select") AS hi FROM events;
