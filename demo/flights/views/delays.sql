-- Delays by airport of departure, in minutes: how many flights, how late they are on average and at worst.
SELECT
  origin,
  count(*) AS flights,
  round(avg(delay), 2) AS mean_delay,
  max(delay) AS worst_delay,
  round(100.0 * count_if(delay > 15) / count(*), 1) AS late_percent
FROM flights
GROUP BY origin
