-- The ends of time: infinities, the first and last DATE and TIMESTAMP, years before Christ; local times around the change of clocks.
-- fields: {"n": "INTEGER", "day": "DATE?", "ts": "TIMESTAMP?", "tz": "TIMESTAMP WITH TIME ZONE?", "tod": "TIME?"}
-- {"n":1,"day":"infinity","ts":"infinity","tz":"infinity","tod":"24:00:00"}
-- {"n":2,"day":"-infinity","ts":"-infinity","tz":"-infinity","tod":"00:00:00"}
-- {"n":3,"day":"5881580-07-10","ts":"294247-01-10 04:00:54.775806","tz":"294246-12-31 23:59:59.999999Z","tod":"23:59:59.999999"}
-- {"n":4,"day":"5877642-06-25 (BC)","ts":"290309-12-22 (BC) 00:00:00","tz":"290308-01-01 (BC) 00:00:00Z","tod":"00:00:00.000001"}
-- {"n":5,"day":"2024-03-31","ts":"2024-03-31 02:30:00","tz":"2024-03-31T00:59:59.999999Z","tod":"02:30:00"}
-- {"n":6,"day":"2024-10-27","ts":"2024-10-27 02:30:00","tz":"2024-03-31T01:00:00Z","tod":"02:30:00"}
-- {"n":7,"day":null,"ts":null,"tz":"2024-10-27T00:30:00Z","tod":null}
-- {"n":8,"day":"2024-10-27","ts":"2024-10-27 03:00:00","tz":"2024-10-27T01:30:00Z","tod":"03:00:00"}

SELECT day, ts, tz, tod, count(*) AS n FROM events GROUP BY ALL;
SELECT min(day) AS a, max(day) AS b, min(ts) AS c, max(ts) AS d, min(tz) AS e, max(tz) AS f, min(tod) AS g, max(tod) AS h FROM events;
SELECT min(day) AS a, max(day) AS b, min(ts) AS c, max(ts) AS d, min(tz) AS e, max(tz) AS f FROM events WHERE n > 2;
SELECT count(DISTINCT day) AS a, count(DISTINCT ts) AS b, count(DISTINCT tz) AS c, count(DISTINCT tod) AS d, quantile_disc(ts, 0.5) AS e, quantile_disc(tz, [0, 1]) AS f, histogram(day) AS h FROM events;
SELECT isfinite(ts) AS f, isinf(day) AS i, ts > 'infinity'::TIMESTAMP AS a, day = '-infinity'::DATE AS b, tz < '2000-01-01' AS c, count(*) AS n FROM events GROUP BY ALL;
SELECT avg(ts) AS a, avg(tz) AS b, avg(tod) AS c, avg(day) AS d, median(ts) AS m, median(day) AS md FROM events WHERE n > 4;
-- local time: an hour that is skipped, and one that comes twice
SELECT tz AT TIME ZONE 'Europe/Berlin' AS local, count(*) AS n, max(tz) AS last FROM events WHERE n > 4 GROUP BY local;
SELECT date_trunc('hour', tz AT TIME ZONE 'Europe/Berlin') AS hour, count(*) AS n, count(DISTINCT tz) AS d FROM events WHERE n > 4 GROUP BY hour;
SELECT ts AT TIME ZONE 'Europe/Berlin' AS t, ts AT TIME ZONE 'America/New_York' AS u, count(*) AS n FROM events WHERE n > 4 GROUP BY ALL;
SELECT time_bucket(INTERVAL '1 day', tz, 'Europe/Berlin') AS d, time_bucket(INTERVAL '1 hour', tz, 'America/New_York') AS h, count(*) AS n FROM events WHERE n > 4 GROUP BY ALL;
SELECT max(tz) - min(tz) AS span, (max(tz) AT TIME ZONE 'Europe/Berlin') - (min(tz) AT TIME ZONE 'Europe/Berlin') AS local, max(tz) + INTERVAL 1 DAY AS next, strftime(max(tz), '%H:%M %z') AS s FROM events WHERE n > 4;
SELECT tz::DATE AS d, tz::TIME AS t, extract(timezone_hour FROM tz) AS z, date_part('isodow', tz) AS w, count(*) AS n FROM events WHERE n > 4 GROUP BY ALL;
