-- Revenue by category, from the lines of orders as they were sold: a cancelled order is taken off again.
SELECT
  category,
  department,
  sum(sign * quantity) AS units,
  sum(sign * quantity * price) AS revenue
FROM (
  SELECT line.category, line.quantity, line.price, CASE type WHEN 'OrderPlaced' THEN 1 ELSE -1 END AS sign
  FROM (SELECT type, unnest(lines) AS line FROM order_events)
) AS sold JOIN categories USING (category)
GROUP BY category, department
