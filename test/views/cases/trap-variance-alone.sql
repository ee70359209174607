-- One event of NaN, of infinity or of 1e200 alone in its group: DuckDB gives 0 for it, and so must merging it with nothing.
-- fields: {"g": "VARCHAR?", "x": "DOUBLE?", "y": "DOUBLE?"}
-- {"g":"b","x":1e200,"y":1e-200}
-- {"g":"c","x":"NaN","y":3}
-- {"g":"d","x":"Infinity","y":4}

SELECT g, var_pop(x) AS p FROM events GROUP BY g;
SELECT g, var_samp(x) AS s FROM events GROUP BY g;
SELECT g, stddev_pop(x) AS p, stddev(x) AS s FROM events GROUP BY g;
SELECT var_pop(x) AS p, var_samp(x) AS s, stddev_pop(x) AS d FROM events WHERE g = 'd';
SELECT var_pop(x) AS p, covar_pop(x, y) AS c FROM events WHERE g = 'c';
SELECT regr_sxx(x, y) AS a, regr_sxx(y, x) AS b, regr_avgx(y, x) AS m FROM events WHERE g = 'b';
SELECT g, covar_pop(x, y) AS c FROM events GROUP BY g;
SELECT g, corr(x, y) AS c, regr_count(x, y) AS n FROM events GROUP BY g;
SELECT g, regr_sxx(y, x) AS xx, regr_avgx(y, x) AS ax FROM events GROUP BY g;
SELECT g, regr_slope(y, x) AS s FROM events GROUP BY g;
SELECT g, regr_r2(y, x) AS r FROM events GROUP BY g;
SELECT g, regr_intercept(y, x) AS i FROM events GROUP BY g;
