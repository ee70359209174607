-- list, array_agg, string_agg and their aliases: DuckDB's aggregates page (countdown; list of regions by amount), PostgreSQL's
-- sql-expressions.html (array_agg and string_agg with ORDER BY over 1, 3, 4, 3, 2). Without ORDER BY: in the events' own order.
-- fields: {"v": "INTEGER?", "region": "VARCHAR?", "amount": "DECIMAL(10,2)?", "s": "VARCHAR?"}
-- {"v":1,"region":"north","amount":60.00,"s":"1"}
-- {"v":3,"region":"south","amount":100.00,"s":"2"}
-- {"v":4,"region":"north","amount":40.01,"s":"3"}
-- {"v":3,"region":null,"amount":null,"s":null}
-- {"v":2,"region":"east","amount":250.50,"s":""}

SELECT list(region ORDER BY amount DESC) FROM events;
SELECT string_agg(s, ', ' ORDER BY s DESC) AS countdown FROM events WHERE s <> '';
SELECT array_agg(v ORDER BY v DESC) FROM events;
SELECT array_agg(DISTINCT v ORDER BY v DESC) FROM events;
SELECT string_agg(DISTINCT region, ',' ORDER BY region DESC) FROM events;
SELECT list(v) AS l, array_agg(region) AS a, string_agg(s) AS s, string_agg(s, '-') AS t, group_concat(s, '') AS g, listagg(s, ';') AS la FROM events;
SELECT region, list(v ORDER BY v) AS l, list(v) FILTER (WHERE v > 2) AS f, string_agg(s, '|' ORDER BY v) AS s FROM events GROUP BY region;
SELECT list(v) AS l, string_agg(s, ',') AS s FROM events WHERE v > 100;
SELECT len(list(v)) AS n, list(v)[1] AS a, list_sort(list(v)) AS s FROM events;
SELECT min(v, 2) AS lo, max(v, 2) AS hi, max(region, 9) AS r FROM events;
