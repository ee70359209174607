-- duckdb.org/docs/stable/sql/query_syntax/groupby, /having and the head of /grouping_sets: addresses and incomes.
-- fields: {"city": "VARCHAR?", "street_name": "VARCHAR?", "income": "DOUBLE?"}
-- {"city":"Amsterdam","street_name":"Dam","income":30000}
-- {"city":"Amsterdam","street_name":"Dam","income":31000}
-- {"city":"Amsterdam","street_name":"Damrak","income":200000}
-- {"city":"Delft","street_name":"Markt","income":1000}
-- {"city":"Delft","street_name":"Markt","income":2000}
-- {"city":"Delft","street_name":"Markt","income":90000}
-- {"city":"Delft","street_name":null,"income":null}

SELECT city, count(*) FROM events GROUP BY city;
SELECT city, street_name, avg(income) FROM events GROUP BY city, street_name;
SELECT city, street_name FROM events GROUP BY ALL;
SELECT city, street_name, avg(income) FROM events GROUP BY ALL;
SELECT city, count(*) FROM events GROUP BY city HAVING count(*) >= 4;
SELECT city, street_name, avg(income) FROM events GROUP BY city, street_name HAVING avg(income) > 2 * median(income);
SELECT city, street_name, avg(income) FROM events GROUP BY GROUPING SETS ((city, street_name), (city), (street_name), ());
SELECT city, street_name, avg(income) FROM events GROUP BY CUBE (city, street_name);
SELECT city, street_name, avg(income) FROM events GROUP BY ROLLUP (city, street_name);
-- duckdb.org/docs/stable/sql/dialect/friendly_sql: FROM first, aliases in WHERE, GROUP BY, HAVING and further columns, trailing commas
FROM events SELECT city, count() AS n, GROUP BY ALL;
SELECT lower(city) AS c, sum(income) AS total, total / 12 AS monthly FROM events WHERE c <> 'utrecht' GROUP BY c HAVING monthly > 100;
SELECT city.lower().substring(1, 3) AS short, max(income).round(-3) AS top FROM events GROUP BY short;
