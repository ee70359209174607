-- SEED=5, view 81
-- Invalid Input Error: a row of events went that had not come
-- partitions: 3
-- kind: changelog
-- record: 2 {"ts_ns":"2000-02-29 23:59:59.999999999","seq":617}
-- record: 2 {"ts_ns":"2000-02-29 00:00:00.000000001","seq":97}
-- step: {"do":"version","cut":[0,0,1]}
-- step: {"do":"fold","upto":[0,0,2]}
-- step: {"do":"look"}
SELECT ts_ns AS "a0", "a0" IS NULL AS "again" FROM events GROUP BY "a0";
