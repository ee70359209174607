-- SEED=11, view 69
-- at 0,0,0,1: ["11111111-1111-1111-1111-111111111111","11111111-1111-1111-1111-111111111111",null] is served where plain DuckDB has [null,null,null] (1 rows differ)
-- partitions: 4
-- record: 3 {"b":true,"id":"11111111-1111-1111-1111-111111111111","seq":154}
-- step: {"do":"fold","upto":[0,0,0,1]}
-- step: {"do":"look"}
WITH src AS (SELECT * FROM events WHERE b) SELECT src.id AS "k0", id AS "Größe1", bit_xor(hu) AS "p0" FROM src GROUP BY src.id, ROLLUP (id);
