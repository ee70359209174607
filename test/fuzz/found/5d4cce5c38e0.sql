-- SEED=1, view 2
-- at 0: [[null,null]] is served where plain DuckDB has [null] (1 rows differ)
-- several shares of no values give a list of NULLs instead of NULL
-- partitions: 1
-- step: {"do":"fold","upto":[0]}
-- step: {"do":"look"}
SELECT quantile_cont(n, [0.25, 0.333]) AS "p1" FROM events;
