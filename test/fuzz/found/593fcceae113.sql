-- SEED=1, view 77 of the grammar's first version
-- interpolation between decimals rounded negative results towards zero
-- partitions: 1
-- record: 0 {"d":-0.500,"seq":1}
-- record: 0 {"d":0.085,"seq":2}
-- step: {"do":"fold","upto":[1]}
-- step: {"do":"fold","upto":[2]}
-- step: {"do":"look"}
SELECT quantile_cont(d, 0.25) AS "p0", median(d) AS "p1" FROM events;
