-- SEED=1, view 373
-- interpolation between decimals near 10^18 units overflowed
-- partitions: 1
-- record: 0 {"d":999999999999999.999,"seq":358}
-- step: {"do":"fold","upto":[1]}
-- step: {"do":"look"}
SELECT quantile_cont(d, 0.9) AS "p0" FROM events;
