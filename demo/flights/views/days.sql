-- The network day by day: flights, miles flown, and the share that left early.
SELECT
  date_trunc('day', date) AS day,
  count(*) AS flights,
  sum(distance) AS miles,
  round(100.0 * count(*) FILTER (WHERE delay < 0) / count(*), 1) AS early_percent
FROM flights
GROUP BY day
