-- fields: {"g": "VARCHAR?", "x": "DOUBLE?", "y": "DOUBLE?", "i": "BIGINT?", "d": "DECIMAL(10,2)?", "b": "BOOLEAN?", "u": "UTINYINT?"}
-- {"g":"a","x":1.5,"y":2.0,"i":1000000001,"d":1.25,"b":true,"u":7}
-- {"g":"a","x":2.5,"y":-1.0,"i":1000000003,"d":-2.50,"b":false,"u":12}
-- {"g":"b","x":4.0,"y":0.5,"i":1000000002,"d":0.75,"b":true,"u":255}
-- {"g":"a","x":null,"y":3.0,"i":null,"d":null,"b":null,"u":null}
-- {"g":"c","x":7.0,"y":null,"i":5,"d":10.00,"b":false,"u":0}
-- {"g":"b","x":4.0,"y":8.25,"i":1000000009,"d":0.75,"b":true,"u":129}
-- {"g":"a","x":-3.25,"y":2.0,"i":-7,"d":3.00,"b":true,"u":6}
-- {"g":"d","x":2.0,"y":5.0,"i":4,"d":1.00,"b":true,"u":1}
-- {"g":"d","x":2.0,"y":6.0,"i":4,"d":1.00,"b":true,"u":1}

SELECT g, var_pop(x) AS a, var_samp(x) AS b, variance(x) AS c, stddev_pop(x) AS d, stddev_samp(x) AS e, stddev(x) AS f, sem(x) AS s FROM events GROUP BY g;
SELECT var_pop(i) AS a, stddev(i) AS b, var_samp(i % 1000) AS c FROM events WHERE i > 1000;
SELECT g, var_samp(d) AS a, stddev_pop(u) AS b, count(*) AS n, avg(x) AS m FROM events GROUP BY g;
SELECT g, covar_pop(y, x) AS a, covar_samp(y, x) AS b, corr(y, x) AS c FROM events GROUP BY g;
SELECT regr_count(y, x) AS n, regr_avgx(y, x) AS ax, regr_avgy(y, x) AS ay, regr_sxx(y, x) AS sxx, regr_syy(y, x) AS syy, regr_sxy(y, x) AS sxy FROM events;
SELECT g, regr_count(y, x) AS n, regr_slope(y, x) AS a, regr_intercept(y, x) AS b, regr_r2(y, x) AS r FROM events GROUP BY g;
SELECT regr_slope(x, y) AS a, regr_slope(y, x) AS b, corr(d, i) AS c, covar_pop(u, x) AS e FROM events;
SELECT g, round(stddev(x), 3) AS s, CASE WHEN var_pop(x) > 1 THEN 'wide' ELSE 'narrow' END AS w FROM events GROUP BY g HAVING count(*) > 1;
SELECT var_pop(x) FILTER (WHERE b) AS a, stddev(x) FILTER (WHERE NOT b) AS b, corr(y, x) FILTER (WHERE g <> 'a') AS c FROM events;
SELECT var_pop(x) AS a, var_samp(x) AS b, corr(y, x) AS c, regr_count(y, x) AS d, regr_avgx(y, x) AS e, sem(x) AS f FROM events WHERE false;
SELECT g, bool_and(b) AS a, bool_or(b) AS o, bool_and(x > 0) AS p, bool_or(x > 100) FILTER (WHERE b) AS q FROM events GROUP BY g;
SELECT g, bit_and(i) AS a, bit_or(i) AS o, bit_xor(i) AS x, bit_and(u) AS au, bit_xor(u) AS xu FROM events GROUP BY g;
SELECT bool_and(b) AS a, bit_or(u) AS o, bit_xor(i) AS x FROM events WHERE false;
SELECT g, bool_or(DISTINCT b) AS a, bit_xor(DISTINCT u) AS b FROM events GROUP BY g;
