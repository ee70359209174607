-- fields: {"carrier": "VARCHAR?", "origin": "VARCHAR", "delay": "INTEGER?", "ts": "TIMESTAMP?", "l": "VARCHAR[]?"}
-- reference carriers: SELECT * FROM (VALUES ('AA', 'American', 1), ('UA', 'United', 2), ('UA', 'United again', 3), (NULL, 'nobody', 4)) t(code, name, rank)
-- reference airports: SELECT * FROM (VALUES ('JFK', 'NY', 40.6::DOUBLE), ('SFO', 'CA', 37.6)) t(origin, "the state", lat)
-- reference rates: SELECT * FROM (VALUES (TIMESTAMP '2024-01-01', 1.5), (TIMESTAMP '2024-01-03', 2.5)) t(since, rate)
-- {"carrier": "AA", "origin": "JFK", "delay": 5, "ts": "2024-01-01 10:00:00", "l": ["AA", "UA"]}
-- {"carrier": "UA", "origin": "SFO", "delay": -2, "ts": "2024-01-03 00:00:00", "l": []}
-- {"carrier": "XX", "origin": "JFK", "delay": 7, "ts": "2023-12-31 00:00:00"}
-- {"origin": "LAX", "delay": 1, "ts": "2024-01-04 00:00:00", "l": ["XX"]}
-- {"carrier": "AA", "origin": "SFO", "ts": "2024-01-02 00:00:00", "l": ["UA", null]}
-- {"carrier": "UA", "origin": "JFK", "delay": 30}
SELECT c.name, count(*) AS n, avg(delay) AS d FROM events e JOIN carriers c ON e.carrier = c.code GROUP BY c.name;
SELECT name, count(*) AS n, count(c.code) AS known, sum(e.delay) AS s FROM events AS e LEFT JOIN carriers AS c ON e.carrier = c.code GROUP BY name;
SELECT "the state", max(events.delay) AS d, count(DISTINCT carrier) AS c FROM events JOIN airports USING (origin) GROUP BY "the state" HAVING count(*) > 1;
SELECT origin, lat > 40 AS north, count(*) AS n FROM events LEFT JOIN airports USING (origin) GROUP BY ALL;
SELECT a."the state" AS state, c.name, median(delay) AS m FROM events e LEFT JOIN airports a ON a.origin = e.origin LEFT JOIN carriers c ON c.code IS NOT DISTINCT FROM e.carrier WHERE c.rank < 4 OR c.rank IS NULL GROUP BY GROUPING SETS ((state, c.name), (state), ());
SELECT count(*) AS n FROM events SEMI JOIN carriers ON events.carrier = carriers.code;
SELECT origin, count(*) AS n FROM events ANTI JOIN carriers ON events.carrier = carriers.code GROUP BY origin;
SELECT rate, count(*) AS n, sum(delay * rate) AS s FROM events ASOF LEFT JOIN rates ON events.ts >= rates.since GROUP BY rate;
SELECT w.word, count(*) AS n FROM events e, unnest(e.l) AS w(word) GROUP BY w.word;
SELECT c.name, count(*) AS n FROM events e, unnest(e.l) AS w(word) JOIN carriers c ON c.code = w.word GROUP BY c.name;
SELECT h.i AS hop, origin, count(*) AS n FROM events CROSS JOIN range(3) h(i) GROUP BY ALL;
SELECT v.label, count(*) AS n FROM events JOIN (VALUES (0, 10, 'some'), (10, 100, 'much')) v(lo, hi, label) ON delay >= v.lo AND delay < v.hi GROUP BY v.label;
SELECT big.name, sum(x.delay) AS s FROM (SELECT * FROM events WHERE delay > 0) x JOIN (SELECT code, upper(name) AS name FROM carriers WHERE rank < 3) big ON x.carrier = big.code GROUP BY big.name;
WITH late AS (SELECT carrier, delay FROM events WHERE delay > 0), known AS (SELECT code AS carrier, name FROM carriers) SELECT name, count(*) AS n FROM late JOIN known USING (carrier) GROUP BY name;
SELECT name, n FROM (SELECT c.name, e.delay AS n FROM events e JOIN carriers c ON e.carrier = c.code) GROUP BY name, n HAVING min(n) >= 0;
SELECT carriers.name, count(*) AS n FROM carriers JOIN events ON events.carrier = carriers.code GROUP BY carriers.name;
SELECT upper(c.name) AS name, approx_count_distinct(origin) AS o, count(*) AS n FROM carriers c RIGHT JOIN events e ON e.carrier = c.code GROUP BY c.name;
SELECT name, sum(delay) AS s FROM (SELECT carrier AS code, delay FROM events WHERE delay > 0) JOIN carriers USING (code) GROUP BY name;
SELECT name, origin, min(delay) AS d FROM (SELECT carrier, delay, origin FROM events) LEFT JOIN (SELECT code, name FROM carriers WHERE rank < 3) ON carrier = code GROUP BY ALL;
