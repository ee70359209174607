-- SEED=2, view 2797
-- at 0,1: ["23:59:59.999999","23:59:59.999999",false] is served where plain DuckDB has ["23:59:59.999999",null,true] (1 rows differ)
-- DuckDB tells the two same keys apart where one of them is rolled up, and we take them for one
-- partitions: 2
-- record: 1 {"tod":"23:59:59.999999","seq":918}
-- step: {"do":"fold","upto":[0,1]}
-- step: {"do":"look"}
SELECT tod AS "Größe0", tod AS "K 1", "K 1" IS NULL AS "again" FROM events GROUP BY "Größe0", ROLLUP (tod);
