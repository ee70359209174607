SELECT count(*) AS n, count(DISTINCT shop) AS shops, last(shop) AS newest FROM orders
