-- What is in the warehouse, by department, at today's prices.
SELECT
  department,
  count(*) AS products,
  count(*) FILTER (WHERE stock = 0) AS sold_out,
  sum(stock) AS units,
  sum(stock * price) AS worth
FROM products JOIN categories USING (category)
GROUP BY department
