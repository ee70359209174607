-- postgresql.org/docs/current/functions-aggregate.html and sql-expressions.html: every aggregate of its tables that DuckDB has under
-- that name and that merges; FILTER over a few numbers. Percentiles WITHIN GROUP are in later/order-within-group.sql.
-- fields: {"i": "INTEGER", "income": "DOUBLE?", "b": "BOOLEAN?", "n": "DECIMAL(12,3)?", "m": "TIMESTAMP?", "s": "VARCHAR?"}
-- {"i":1,"income":10,"b":true,"n":1.5,"m":"2024-01-01 00:00:00","s":"one"}
-- {"i":2,"income":20.5,"b":true,"n":-2.25,"m":"2024-01-02 12:00:00","s":"two"}
-- {"i":3,"income":null,"b":null,"n":null,"m":null,"s":null}
-- {"i":4,"income":70,"b":false,"n":4.125,"m":"2024-01-04 00:00:00.000001","s":"four"}
-- {"i":5,"income":30,"b":true,"n":1.5,"m":"2024-03-10 02:30:00","s":"five"}
-- {"i":6,"income":10,"b":true,"n":0.000,"m":"2023-12-31 23:59:59","s":"six"}
-- {"i":7,"income":1000000,"b":false,"n":99999.999,"m":"2024-01-01 00:00:00","s":"two"}

SELECT count(*) AS unfiltered, count(*) FILTER (WHERE i < 5) AS filtered FROM events;
SELECT avg(i), avg(n), avg(income), bit_and(i), bit_or(i), bit_xor(i), bool_and(b), bool_or(b), count(*), count(s), max(m), min(m), max(s), min(s), sum(i), sum(n), sum(income) FROM events;
SELECT corr(income, i), covar_pop(income, i), covar_samp(income, i), regr_avgx(income, i), regr_avgy(income, i), regr_count(income, i), regr_intercept(income, i), regr_r2(income, i), regr_slope(income, i), regr_sxx(income, i), regr_sxy(income, i), regr_syy(income, i) FROM events;
SELECT b, stddev(n), stddev_pop(n), stddev_samp(n), variance(n), var_pop(n), var_samp(n) FROM events GROUP BY b;
-- "except for count, NULL when no rows are selected: coalesce can substitute zero"
SELECT coalesce(sum(i), 0) AS zero, sum(i) AS none, count(i) AS n FROM events WHERE i > 100;
-- DISTINCT inside aggregates
SELECT count(DISTINCT income), sum(DISTINCT n), avg(DISTINCT i % 3), min(DISTINCT s) FROM events;
