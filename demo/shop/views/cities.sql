-- Where customers live. A customer who moves leaves one row and comes into another.
SELECT city, count(*) AS customers, min(name) AS first_by_name
FROM customers
GROUP BY city
