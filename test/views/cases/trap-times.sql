-- Local times around the change of clocks: an hour that is skipped, and one that comes twice. The session's zone is UTC; the others are named.
-- fields: {"n": "INTEGER", "day": "DATE?", "ts": "TIMESTAMP?", "tz": "TIMESTAMP WITH TIME ZONE?", "tod": "TIME?"}
-- {"n":5,"day":"2024-03-31","ts":"2024-03-31 02:30:00","tz":"2024-03-31T00:59:59.999999Z","tod":"02:30:00"}
-- {"n":6,"day":"2024-10-27","ts":"2024-10-27 02:30:00","tz":"2024-03-31T01:00:00Z","tod":"02:30:00"}
-- {"n":7,"day":null,"ts":null,"tz":"2024-10-27T00:30:00Z","tod":null}
-- {"n":8,"day":"2024-10-27","ts":"2024-10-27 03:00:00","tz":"2024-10-27T01:30:00Z","tod":"03:00:00"}

SELECT avg(ts) AS a, avg(tz) AS b, avg(tod) AS c, avg(day) AS d, median(ts) AS m, median(day) AS md FROM events;
SELECT tz AT TIME ZONE 'Europe/Berlin' AS local, count(*) AS n, max(tz) AS last FROM events GROUP BY local;
SELECT date_trunc('hour', tz AT TIME ZONE 'Europe/Berlin') AS hour, count(*) AS n, count(DISTINCT tz) AS d FROM events GROUP BY hour;
SELECT ts AT TIME ZONE 'Europe/Berlin' AS t, ts AT TIME ZONE 'America/New_York' AS u, count(*) AS n FROM events GROUP BY ALL;
SELECT time_bucket(INTERVAL '1 day', tz, 'Europe/Berlin') AS d, time_bucket(INTERVAL '1 hour', tz, 'America/New_York') AS h, count(*) AS n FROM events GROUP BY ALL;
SELECT max(tz) - min(tz) AS span, (max(tz) AT TIME ZONE 'Europe/Berlin') - (min(tz) AT TIME ZONE 'Europe/Berlin') AS local, max(tz) + INTERVAL 1 DAY AS next, strftime(max(tz), '%H:%M %z') AS s FROM events;
SELECT tz::DATE AS d, (tz AT TIME ZONE 'UTC')::TIME AS t, extract(timezone_hour FROM tz) AS z, date_part('isodow', tz) AS w, count(*) AS n FROM events GROUP BY ALL;
