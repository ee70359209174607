-- Orders as they are now.
SELECT status, count(*) AS orders, count(DISTINCT customer) AS customers
FROM orders
GROUP BY status
