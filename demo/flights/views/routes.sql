-- Routes with at least a hundred flights: distance in miles, flights, mean delay of those that were late.
SELECT
  origin || '-' || destination AS route,
  min(distance) AS miles,
  count(*) AS flights,
  round(avg(delay) FILTER (WHERE delay > 0), 2) AS mean_delay_of_late
FROM flights
WHERE origin <> destination
GROUP BY route
HAVING count(*) >= 100
