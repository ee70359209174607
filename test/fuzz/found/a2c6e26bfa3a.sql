-- SEED=1, view 27
-- at 0,0,1: no row is served where plain DuckDB has [null,null] (1 rows differ)
-- a grouping set that is there twice gives its rows once, where values are kept
-- partitions: 3
-- record: 2 {"seq":289}
-- step: {"do":"fold","upto":[0,0,1]}
-- step: {"do":"look"}
SELECT ts AS "Größe1", median(ts) AS "p1" FROM events GROUP BY GROUPING SETS (("Größe1"), ("Größe1"));
