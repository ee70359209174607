-- SEED=2, view 3254
-- at 1,1: ["2008-06-07 19:26:00.766499+00"] is served where plain DuckDB has ["2008-06-07 19:26:00.7665+00"] (1 rows differ)
-- partitions: 2
-- record: 0 {"tz":"2000-02-29T23:59:59.999999-05:30","seq":700}
-- record: 1 {"tz":"2024-12-31T01:00:00.5Z","seq":715}
-- step: {"do":"fold","upto":[1,1]}
-- step: {"do":"look"}
SELECT quantile_cont(tz, 0.333) AS "p1" FROM events;
