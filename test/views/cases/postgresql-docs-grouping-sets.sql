-- postgresql.org/docs/current/queries-table-expressions.html, GROUPING SETS, CUBE and ROLLUP: items_sold by brand and size;
-- functions-aggregate.html, grouping operations: items_sold by make and model. Both tables share a stream here.
-- fields: {"brand": "VARCHAR?", "size": "VARCHAR?", "make": "VARCHAR?", "model": "VARCHAR?", "sales": "INTEGER"}
-- {"brand":"Foo","size":"L","make":"Foo","model":"GT","sales":10}
-- {"brand":"Foo","size":"M","make":"Foo","model":"Tour","sales":20}
-- {"brand":"Bar","size":"M","make":"Bar","model":"City","sales":15}
-- {"brand":"Bar","size":"L","make":"Bar","model":"Sport","sales":5}

SELECT brand, size, sum(sales) FROM events GROUP BY GROUPING SETS ((brand), (size), ());
SELECT make, model, GROUPING(make, model), sum(sales) FROM events GROUP BY ROLLUP (make, model);
-- ROLLUP ( e1, e2, e3 ) and CUBE ( a, b, c ), and what the page says they stand for
SELECT brand, size, model, sum(sales) FROM events GROUP BY ROLLUP (brand, size, model);
SELECT brand, size, model, sum(sales) FROM events GROUP BY GROUPING SETS ((brand, size, model), (brand, size), (brand), ());
SELECT brand, size, model, sum(sales) FROM events GROUP BY CUBE (brand, size, model);
SELECT brand, size, model, sum(sales) FROM events GROUP BY GROUPING SETS ((brand, size, model), (brand, size), (brand, model), (brand), (size, model), (size), (model), ());
-- lists in brackets are units
SELECT brand, size, make, model, sum(sales) FROM events GROUP BY CUBE ((brand, size), (make, model));
SELECT brand, size, make, model, sum(sales) FROM events GROUP BY ROLLUP (brand, (size, make), model);
-- several grouping items: the cross product
SELECT brand, size, make, model, sum(sales) FROM events GROUP BY brand, CUBE (size, make), GROUPING SETS ((model), (size));
SELECT brand, size, model, sum(sales) FROM events GROUP BY ROLLUP (brand, size), ROLLUP (brand, model);
-- nested sets are as if written out
SELECT brand, size, model, sum(sales) FROM events GROUP BY GROUPING SETS ((brand), CUBE (size, model), ROLLUP (brand, size));
-- two aggregate levels with a condition of their own
SELECT brand, size, sum(sales) AS s FROM events GROUP BY ROLLUP (brand, size) HAVING GROUPING(size) = 1 AND sum(sales) >= 20;
