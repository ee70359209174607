-- timezone: Europe/Berlin
-- fields: {"z": "TIMESTAMP WITH TIME ZONE", "n": "INTEGER"}
-- {"z": "2024-03-30T22:30:00Z", "n": 1}
-- {"z": "2024-03-31T00:30:00Z", "n": 2}
-- {"z": "2024-03-31T01:30:00Z", "n": 3}
-- {"z": "2024-10-26T22:30:00Z", "n": 4}
-- {"z": "2024-10-27T00:30:00Z", "n": 5}
-- {"z": "2024-10-27T01:30:00Z", "n": 6}
-- {"z": "2024-10-27T23:30:00Z", "n": 7}
-- A day has 23 or 25 hours where the clocks change, and an hour comes twice.
SELECT date_trunc('day', z) AS day, count(*) AS n, sum(n) AS s FROM events GROUP BY day;
SELECT date_trunc('hour', z) AS h, min(z) AS first, max(n) AS n FROM events GROUP BY h;
SELECT time_bucket(INTERVAL '1 day', z) AS day, count(*) AS n FROM events GROUP BY day;
SELECT time_bucket(INTERVAL '1 day', z, 'America/New_York') AS day, count(*) AS n, last(n) AS l FROM events GROUP BY day;
SELECT extract(hour FROM z) AS hour, z::DATE AS day, count(*) AS n FROM events GROUP BY ALL;
SELECT (z AT TIME ZONE 'Asia/Tokyo')::DATE AS day, avg(z) AS middle, median(z) AS m, approx_count_distinct(z) AS d FROM events GROUP BY day;
SELECT w, count(*) AS n FROM (SELECT unnest(generate_series(date_trunc('hour', z) - INTERVAL 1 HOUR, date_trunc('hour', z), INTERVAL 1 HOUR)) AS w FROM events) GROUP BY w;
