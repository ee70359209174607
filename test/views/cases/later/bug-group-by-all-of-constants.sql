-- GROUP BY ALL where all that is not an aggregate is a constant: DuckDB groups by nothing, so that no events give one row. The view
-- groups by the constant, as GROUP BY 'c' does, and gives none. (No events in this file on purpose.)
-- fields: {"g": "VARCHAR?", "i": "BIGINT?"}

SELECT count(*) AS n, 'c' AS c FROM events GROUP BY ALL;
SELECT 1 + 1 AS two, sum(i) AS s FROM events GROUP BY ALL;
SELECT NULL AS nothing, sum(i) AS s FROM events GROUP BY ALL HAVING count(*) = 0;
