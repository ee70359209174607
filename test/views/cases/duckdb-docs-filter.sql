-- duckdb.org/docs/stable/sql/query_syntax/filter: its two queries over i = 1 to 10, and the pivot by year both ways.
-- first(i) FILTER (…) of the same page is in later/order-first-last.sql.
-- fields: {"i": "BIGINT", "year": "INTEGER?"}
-- {"i":1,"year":2022}
-- {"i":2,"year":2022}
-- {"i":3,"year":2023}
-- {"i":4,"year":2023}
-- {"i":5,"year":2023}
-- {"i":6,"year":2024}
-- {"i":7,"year":2024}
-- {"i":8,"year":2025}
-- {"i":9,"year":null}
-- {"i":10,"year":null}

SELECT count() AS total_rows, count() FILTER (i <= 5) AS lte_five, count() FILTER (i % 2 = 1) AS odds FROM events;
SELECT sum(i <= 5) AS lte_five, sum(i % 2 = 1) AS odds FROM events;
SELECT sum(i) FILTER (i <= 5) AS lte_five_sum, median(i) FILTER (i % 2 = 1) AS odds_median, median(i) FILTER (i % 2 = 1 AND i <= 5) AS odds_lte_five_median FROM events;
SELECT count(i) FILTER (year = 2022) AS "2022", count(i) FILTER (year = 2023) AS "2023", count(i) FILTER (year = 2024) AS "2024", count(i) FILTER (year = 2025) AS "2025", count(i) FILTER (year IS NULL) AS "NULLs" FROM events;
SELECT count(CASE WHEN year = 2022 THEN i END) AS "2022", count(CASE WHEN year = 2023 THEN i END) AS "2023", count(CASE WHEN year = 2024 THEN i END) AS "2024", count(CASE WHEN year = 2025 THEN i END) AS "2025", count(CASE WHEN year IS NULL THEN i END) AS "NULLs" FROM events;
