-- postgresql.org/docs/current/queries-table-expressions.html, GROUP BY and HAVING: test1, and products with their sales (the join
-- of the page made before the stream, the clock of its WHERE a fixed day).
-- fields: {"x": "VARCHAR?", "y": "INTEGER?", "product_id": "INTEGER?", "name": "VARCHAR?", "price": "DECIMAL(10,2)?", "cost": "DECIMAL(10,2)?", "units": "INTEGER?", "date": "DATE?"}
-- {"x":"a","y":3,"product_id":1,"name":"chair","price":50.00,"cost":30.00,"units":100,"date":"2024-03-01"}
-- {"x":"c","y":2,"product_id":1,"name":"chair","price":50.00,"cost":30.00,"units":7,"date":"2024-01-01"}
-- {"x":"b","y":5,"product_id":2,"name":"desk","price":199.99,"cost":150.00,"units":30,"date":"2024-03-02"}
-- {"x":"a","y":1,"product_id":3,"name":"lamp","price":5.00,"cost":4.50,"units":null,"date":null}

SELECT x FROM events GROUP BY x;
SELECT x, sum(y) FROM events GROUP BY x;
SELECT x, sum(y) FROM events GROUP BY x HAVING sum(y) > 3;
SELECT x, sum(y) FROM events GROUP BY x HAVING x < 'c';
SELECT product_id, name, (sum(units) * price) AS sales FROM events GROUP BY product_id, name, price;
SELECT product_id, name, (sum(units) * (price - cost)) AS profit FROM events WHERE date > DATE '2024-02-02' GROUP BY product_id, name, price, cost HAVING sum(price * units) > 5000;
-- sql-select.html: GROUP BY with a sum and HAVING over an interval, here of days
SELECT x AS kind, sum(y) AS total FROM events GROUP BY kind;
SELECT x AS kind, sum(y) AS total FROM events GROUP BY x HAVING to_days(sum(y)::INTEGER) < INTERVAL '5 days';
