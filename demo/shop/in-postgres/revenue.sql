-- The view asks the outbox's events; the database has the same in its tables.
SELECT
  category,
  department,
  sum(CASE status WHEN 'cancelled' THEN 0 ELSE quantity END) AS units,
  sum(CASE status WHEN 'cancelled' THEN 0 ELSE quantity * price END)::numeric(38, 2) AS revenue
FROM order_lines JOIN orders ON orders.id = order_id JOIN categories USING (category)
GROUP BY category, department
