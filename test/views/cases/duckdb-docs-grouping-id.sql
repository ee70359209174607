-- duckdb.org/docs/stable/sql/query_syntax/grouping_sets, GROUPING_ID(): days of 2023 by year, quarter and month.
-- The page makes them with generate_series; here a few days come as events.
-- fields: {"d": "DATE"}
-- {"d":"2023-01-01"}
-- {"d":"2023-01-31"}
-- {"d":"2023-02-01"}
-- {"d":"2023-04-30"}
-- {"d":"2023-12-31"}
-- {"d":"2023-10-01"}

WITH days AS (SELECT year(d) AS y, quarter(d) AS q, month(d) AS m FROM events) SELECT y, q, m, GROUPING_ID(y, q, m) AS "grouping_id()" FROM days GROUP BY GROUPING SETS ((y, q, m), (y, q), (y), ());
WITH days AS (SELECT year(d) AS y, quarter(d) AS q, month(d) AS m FROM events) SELECT y, q, m, GROUPING_ID(y, q, m) AS "grouping_id(y, q, m)", right(GROUPING_ID(y, q, m)::BIT::VARCHAR, 3) AS "y_q_m_bits" FROM days GROUP BY GROUPING SETS ((y, q, m), (y, q), (y), ());
SELECT year(d) AS y, quarter(d) AS q, month(d) AS m, GROUPING_ID(year(d), quarter(d), month(d)) AS id, count(*) AS n FROM events GROUP BY ROLLUP (year(d), quarter(d), month(d));
SELECT year(d) AS y, quarter(d) AS q, count(*) AS n FROM events GROUP BY CUBE (y, q) HAVING GROUPING_ID(y, q) < 3;
