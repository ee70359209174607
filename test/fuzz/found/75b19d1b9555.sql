-- SEED=1, view 2036
-- a false alarm: its own SQL fails over the events of this look, and works over all
-- partitions: 2
-- record: 0 {"i1":1,"seq":500}
-- record: 1 {"i1":127,"seq":652}
-- step: {"do":"fold","upto":[0,1]}
-- step: {"do":"look"}
SELECT quantile(i1, 0.25) + 1 AS "p0" FROM events;
