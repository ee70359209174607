-- duckdb.org/docs/stable/sql/functions/aggregates: the example of every function in its tables, over columns A, B, S, W.
-- Those that a view is to have are in later/; those refused for now are in refusals.test.ts, "forms of the documentation".
-- fields: {"G": "VARCHAR?", "A": "INTEGER?", "B": "DOUBLE?", "S": "VARCHAR?", "W": "INTEGER?", "T": "BOOLEAN?", "D": "DATE?"}
-- {"G":"p","A":1,"B":10.5,"S":"a","W":1,"T":true,"D":"2021-01-01"}
-- {"G":"q","A":2,"B":-4.25,"S":"b","W":3,"T":false,"D":"2021-01-02"}
-- {"G":"p","A":10,"B":3.0,"S":"a","W":null,"T":null,"D":"2021-02-28"}
-- {"G":"p","A":null,"B":null,"S":null,"W":2,"T":true,"D":null}
-- {"G":"q","A":7,"B":8.0,"S":"c","W":5,"T":true,"D":"2021-02-28"}
-- {"G":"p","A":2,"B":0.5,"S":"b","W":4,"T":true,"D":"2020-12-31"}
-- {"G":"r","A":null,"B":null,"S":null,"W":null,"T":null,"D":null}

-- general aggregates
SELECT avg(A), mean(A), mean(B), bit_and(A), bit_or(A), bit_xor(A), bool_and(T), bool_or(T), count() FROM events;
SELECT count(*), count(A), countif(A > 2), count_if(T), histogram(A), max(A), min(A), sum(A) FROM events;
SELECT sum(T) FROM events;
SELECT G, avg(A), bit_and(A), bit_or(A), bit_xor(A), bool_and(T), bool_or(T), count(), count(A), countif(T), histogram(S), max(S), min(S), sum(A), sum(T) FROM events GROUP BY G;
-- statistical aggregates
SELECT corr(B, A), covar_pop(B, A), covar_samp(B, A), entropy(A), median(A), median(S), quantile_cont(A, 0.5), quantile_cont(B, [0.25, 0.5, 0.75]) FROM events;
SELECT quantile_cont(D, 0.5), quantile_disc(A, 0.5), quantile_disc(S, [0.25, 0.5, 0.75]), quantile(A, 0.5), regr_avgx(B, A), regr_avgy(B, A), regr_count(B, A), regr_intercept(B, A) FROM events;
SELECT regr_r2(B, A), regr_slope(B, A), regr_sxx(B, A), regr_sxy(B, A), regr_syy(B, A), sem(A), stddev_pop(A), stddev_samp(A), stddev(A) FROM events;
SELECT var_pop(A), var_samp(A), variance(A) FROM events;
SELECT G, corr(B, A), covar_pop(B, A), covar_samp(B, A), entropy(S), median(A), quantile_cont(A, 0.9), quantile_disc(A, 0.9), sem(A), stddev(A), var_pop(A), regr_count(B, A) FROM events GROUP BY G;
-- its formulas, as far as a view can say them; rounded, since a formula's last bits are its own
SELECT round(covar_samp(B, A) * (1 - 1 / regr_count(B, A)), 9) AS covar_pop, round(regr_avgy(B, A) - regr_slope(B, A) * regr_avgx(B, A), 9) AS intercept FROM events;
SELECT round(corr(B, A), 9) = round(covar_pop(B, A) / (stddev_pop(A) FILTER (B IS NOT NULL) * stddev_pop(B) FILTER (A IS NOT NULL)), 9) AS same, median(A) = quantile_cont(A, 0.5) AS middle FROM events;
