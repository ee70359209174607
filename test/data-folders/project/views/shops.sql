SELECT shop, count(*) AS n, sum(cents) AS cents, median(cents) AS middle, avg(cents) AS mean FROM orders GROUP BY shop
