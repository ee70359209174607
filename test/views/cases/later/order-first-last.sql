-- first, last, any_value and arbitrary: DuckDB's aggregates page (examples and "affected by ordering"), its FILTER page (first by year).
-- Without ORDER BY the order is the events' own: partition and offset.
-- fields: {"region": "VARCHAR?", "amount": "DECIMAL(10,2)?", "date": "DATE?", "i": "BIGINT?", "year": "INTEGER?", "x": "DOUBLE?", "l": "BIGINT[]?"}
-- {"region":null,"amount":60.00,"date":"2024-01-02","i":1,"year":2022,"x":-0.0,"l":[1]}
-- {"region":"south","amount":100.00,"date":"2024-01-01","i":2,"year":2022,"x":0.0,"l":null}
-- {"region":"north","amount":40.01,"date":"2024-01-03","i":3,"year":2023,"x":"NaN","l":[]}
-- {"region":"east","amount":null,"date":"2024-01-03","i":4,"year":2024,"x":null,"l":[2,3]}
-- {"region":"south","amount":null,"date":"2024-01-04","i":null,"year":null,"x":2.5,"l":[4]}
-- {"region":"north","amount":12.00,"date":null,"i":6,"year":null,"x":null,"l":null}

SELECT first(amount ORDER BY date ASC) FROM events;
SELECT any_value(region) AS a, first(region) AS f, arbitrary(region) AS ar, last(region) AS l FROM events;
SELECT region, first(amount) AS f, last(amount) AS l, any_value(amount) AS a, first(date) AS d FROM events GROUP BY region;
SELECT region, first(amount ORDER BY date DESC, i) AS f, last(amount ORDER BY date, i) AS l, any_value(i ORDER BY amount) AS a FROM events GROUP BY region;
SELECT first(i) FILTER (year = 2022) AS "2022", first(i) FILTER (year = 2023) AS "2023", first(i) FILTER (year = 2024) AS "2024", first(i) FILTER (year = 2025) AS "2025", first(i) FILTER (year IS NULL) AS "NULLs" FROM events;
SELECT first(CASE WHEN year = 2022 THEN i END) AS "2022", first(CASE WHEN year = 2023 THEN i END) AS "2023", first(CASE WHEN year IS NULL THEN i END) AS "NULLs" FROM events;
SELECT first(x) AS f, last(x) AS l, any_value(x) AS a, first(l) AS fl, last(l) AS ll, any_value(l) AS al FROM events;
SELECT first(amount ORDER BY amount NULLS FIRST) AS nf, first(amount ORDER BY amount NULLS LAST) AS nl, last(amount ORDER BY amount DESC NULLS FIRST) AS lf FROM events;
SELECT first(region) AS f, last(region) AS l, any_value(region) AS a FROM events WHERE i > 100;
SELECT region, year, first(i) AS f, last(i) AS l FROM events GROUP BY ROLLUP (region, year);
SELECT year IS NULL AS none, any_value(DISTINCT region ORDER BY region) AS a, upper(first(region)) AS u FROM events GROUP BY none HAVING any_value(i) > 0;
