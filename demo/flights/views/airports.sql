-- The network from each airport: how many other airports it reaches, its median distance in miles,
-- the delay that 95 % of its flights stay within, and how delays spread.
SELECT
  origin,
  count(DISTINCT destination) AS destinations,
  median(distance) AS median_miles,
  quantile_disc(delay, 0.95) AS delay_95,
  stddev(delay) AS delay_stddev
FROM flights
GROUP BY origin
