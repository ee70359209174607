-- SEED=2, view 1042
-- Invalid Input Error: Map keys must be unique.
-- what a grouping set without keys shows of no events is computed over all rows, and fails there
-- partitions: 1
-- record: 0 {"n":0,"seq":297}
-- step: {"do":"fold","upto":[1]}
-- step: {"do":"look"}
SELECT histogram(n) AS "p1" FROM events GROUP BY ROLLUP (b) HAVING histogram(n) IS NOT NULL;
