-- duckdb.org/docs/stable/sql/functions/date, /timestamp and /timestamptz: time_bucket, date_trunc and parts, as group keys.
-- fields: {"ts": "TIMESTAMP", "day": "DATE", "tz": "TIMESTAMP WITH TIME ZONE"}
-- {"ts":"1992-04-20 15:26:00","day":"1992-04-20","tz":"1992-04-20T15:26:00-07"}
-- {"ts":"1992-03-22 01:02:03.1234","day":"1992-03-07","tz":"1992-03-22 01:02:03.1234Z"}
-- {"ts":"1992-09-20 20:38:48","day":"1992-02-15","tz":"2022-12-25T12:00:00+01"}
-- {"ts":"2022-01-01 00:00:00","day":"2000-02-29","tz":"2024-10-27T00:30:00Z"}
-- {"ts":"1992-04-20 15:24:59.999999","day":"1992-04-20","tz":"2024-10-27T01:30:00Z"}

SELECT time_bucket(INTERVAL '2 weeks', ts) AS b, count(*) AS n FROM events GROUP BY b;
SELECT time_bucket(INTERVAL '10 minutes', ts, INTERVAL '5 minutes') AS b, count(*) AS n FROM events GROUP BY b;
SELECT time_bucket(INTERVAL '10 minutes', ts, TIMESTAMP '1992-04-20 15:25:00') AS b, count(*) AS n FROM events GROUP BY b;
SELECT time_bucket(INTERVAL '2 months', day, INTERVAL '1 month') AS b, count(*) AS n FROM events GROUP BY b;
SELECT time_bucket(INTERVAL '2 weeks', day, DATE '1992-04-01') AS b, count(*) AS n FROM events GROUP BY b;
SELECT time_bucket(INTERVAL '1 day', tz, 'Europe/Berlin') AS b, count(*) AS n FROM events GROUP BY b;
SELECT date_trunc('hour', ts) AS h, date_trunc('century', day) AS c, count(*) AS n FROM events GROUP BY h, c;
SELECT date_part('minute', ts) AS m, datepart('year', day) AS y, dayname(day) AS d, monthname(ts) AS mo, count(*) AS n FROM events GROUP BY ALL;
SELECT date_diff('hour', min(ts), max(ts)) AS hours, date_sub('month', min(day), max(day)) AS months, date_part('epoch', max(tz)) AS e FROM events;
SELECT strftime(max(ts), '%a, %-d %B %Y - %I:%M:%S %p') AS last, greatest(max(ts), TIMESTAMP '1992-09-20 20:38:48') AS g, make_date(1992, 9, count(*)::INTEGER) AS made FROM events;
SELECT isfinite(max(day)) AS f, extract(week FROM min(day)) AS w, last_day(max(day)) AS l, julian(min(ts)) AS j, era(min(day)) AS e FROM events;
