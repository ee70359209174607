-- The view asks the outbox's events; the database has the same in its tables.
SELECT day, sum(placed) AS placed, sum(cancelled) AS cancelled
FROM (
  SELECT placed::date AS day, 1 AS placed, 0 AS cancelled FROM orders
  UNION ALL
  SELECT cancelled::date, 0, 1 FROM orders WHERE cancelled IS NOT NULL
) AS happened
GROUP BY day
