-- Everything in one row.
SELECT count(*) AS flights, sum(delay) AS minutes_late, avg(delay) AS mean_delay, min(date) AS first, max(date) AS last
FROM flights
