-- Variance where squares cancel or burst: at 1e9 the variance of two values is 2, not 0. NaN, infinities and values of 1e200 make
-- DuckDB itself refuse ("out of range"), so that they are filtered away, or alone in their group.
-- fields: {"g": "VARCHAR?", "x": "DOUBLE?", "y": "DOUBLE?", "i": "BIGINT?", "d": "DECIMAL(18,2)?"}
-- {"g":"a","x":1000000001,"y":1,"i":9007199254740993,"d":1000000001.00}
-- {"g":"b","x":1e200,"y":1e-200,"i":1,"d":0.00}
-- {"g":"a","x":1000000003,"y":2,"i":9007199254740995,"d":1000000003.00}
-- {"g":"c","x":"NaN","y":3,"i":2,"d":0.10}
-- {"g":"d","x":"Infinity","y":4,"i":3,"d":0.10}
-- {"g":"e","x":-0.0,"y":0.0,"i":4,"d":0.10}
-- {"g":"e","x":0.0,"y":-0.0,"i":4,"d":0.10}
-- {"g":null,"x":null,"y":5,"i":null,"d":null}

SELECT var_samp(x) AS two, var_pop(x) AS one, stddev_pop(x) AS one2, round(var_samp(d), 6) AS d, covar_samp(x, y) AS c FROM events WHERE g = 'a';
SELECT g, var_samp(x) AS s FROM events WHERE x < 1e100 GROUP BY g HAVING var_samp(x) > 1.999 OR var_samp(x) = 0;
SELECT var_pop(x) FILTER (WHERE isfinite(x) AND abs(x) < 1e100) AS a, corr(x, y) FILTER (WHERE g = 'a') AS b, stddev(y) AS c FROM events;
SELECT var_pop(y) AS a, stddev(d) AS b, var_pop(d) FILTER (WHERE g = 'e') AS zero, sem(y) AS s FROM events;
SELECT g, corr(x, y) AS c, regr_slope(y, x) AS s, regr_r2(y, x) AS r, regr_intercept(y, x) AS i FROM events WHERE g IN ('a', 'e') GROUP BY g;
SELECT g, var_samp(x) AS alone, stddev(x) AS s, covar_samp(x, y) AS c FROM events WHERE g IN ('b', 'e') OR g IS NULL GROUP BY g;
SELECT var_pop(i) AS a, stddev(i) AS b FROM events WHERE g = 'a';
SELECT count(*) AS n, var_pop(x) AS none FROM events WHERE g IS NULL;
