-- Numbers and times at the edges of their types, before the epoch and around it; averages, medians and sums of them.
-- fields: {"g": "VARCHAR?", "h": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "d": "DECIMAL(18,4)?", "w": "DECIMAL(38,0)?", "hu": "HUGEINT?", "ts": "TIMESTAMP?", "day": "DATE?", "tz": "TIMESTAMP WITH TIME ZONE?", "ms": "TIMESTAMP_MS?", "sec": "TIMESTAMP_S?", "ns": "TIMESTAMP_NS?", "uh": "UHUGEINT?", "us": "USMALLINT?"}
-- {"g":"a","h":"p","i":1,"x":1.5,"d":0.0001,"w":"99999999999999999999999999999999999999","hu":170141183460469231731687303715884105727,"ts":"1969-12-31 23:59:59.999999","day":"1969-12-31","tz":"1969-12-31T23:59:59.999999Z","ms":"1969-12-31 23:59:59.999","sec":"1969-12-31 23:59:59","ns":"1969-12-31 23:59:59.999999999","uh":340282366920938463463374607431768211455,"us":65535}
-- {"g":"a","h":"q","i":2,"x":2.5,"d":-0.0002,"w":"-99999999999999999999999999999999999999","hu":-170141183460469231731687303715884105728,"ts":"1970-01-01 00:00:00.000002","day":"1970-01-02","tz":"1970-01-01T00:00:00.000002Z","ms":"1970-01-01 00:00:00.002","sec":"1970-01-01 00:00:02","ns":"1970-01-01 00:00:00.000000002","uh":0,"us":1}
-- {"g":"b","h":null,"i":9223372036854775807,"x":1e308,"d":0.0004,"w":"3","hu":7,"ts":"1969-12-31 23:59:59.999997","day":"1969-12-30","tz":"1969-12-31T23:59:59.999997Z","ms":"1969-12-31 23:59:59.997","sec":"1969-12-31 23:59:57","ns":"1969-12-31 23:59:59.999999997","uh":5,"us":7}
-- {"g":null,"h":"p","i":-9223372036854775808,"x":1e308,"d":null,"w":null,"hu":null,"ts":null,"day":null,"tz":null,"ms":null,"sec":null,"ns":null,"uh":null,"us":null}

SELECT avg(ts) AS a, avg(day) AS b, avg(tz) AS c, avg(ms) AS d, avg(sec) AS e, avg(ns) AS f FROM events;
SELECT g, avg(ts) AS a, avg(day) AS b, avg(ms) AS d, avg(ns) AS f FROM events GROUP BY g;
SELECT median(ts) AS a, median(day) AS b, median(tz) AS c, quantile_cont(ts, 0.25) AS d, quantile_cont(day, 0.75) AS e FROM events;
SELECT median(i) AS a FROM events;
SELECT quantile_cont(i, 0.3) AS a FROM events;
SELECT median(x) AS a, quantile_cont(x, 0.9) AS b FROM events;
SELECT sum(x) AS s, avg(x) AS a FROM events;
SELECT sum(x) AS s FROM events WHERE x < 1e300 OR g = 'b';
SELECT sum(w) AS s, avg(w) AS a, min(w) AS lo FROM events;
SELECT sum(hu) AS s, avg(hu) AS a FROM events;
SELECT g, min(hu) AS lo, max(hu) AS hi, count(DISTINCT hu) AS d FROM events GROUP BY g;
SELECT min(uh) AS lo, max(uh) AS hi, count(DISTINCT uh) AS d, bit_xor(uh) AS x FROM events;
SELECT uh, count(*) AS n FROM events GROUP BY uh;
SELECT avg(us) AS a, sum(us) AS s, median(us) AS m, stddev(us) AS sd FROM events;
SELECT sum(DISTINCT hu) AS s FROM events WHERE i > 1;
SELECT sum(DISTINCT w) AS s, avg(DISTINCT w) AS a FROM events;
SELECT avg(DISTINCT ts) AS s, avg(DISTINCT day) AS d FROM events;
SELECT avg(d) AS a, sum(d) * sum(d) AS m, sum(d) / count(*) AS q, avg(d) = 0.0001 AS e FROM events;
SELECT var_pop(i) AS v FROM events WHERE i < 10 AND i > 0;
SELECT g, count(*) AS n FROM events GROUP BY g HAVING avg(i) > 0.5 AND avg(i) < 9223372036854775807;
SELECT avg(i) AS a, sum(i) AS s, avg(i) = -0.25 + 0.75 AS e FROM events;
SELECT histogram(ms) AS h, histogram(sec) AS s FROM events;
SELECT quantile_disc(ms, 0.5) AS m, quantile_disc(sec, [0.5]) AS s, min(ms) AS a, max(sec) AS b FROM events;
SELECT date_trunc('month', ms) AS m, ms + INTERVAL 1 DAY AS p, count(*) AS n FROM events GROUP BY ALL;
SELECT mean(ts) AS m, mean(i) AS i FROM events;
SELECT bit_or(us) AS a, bit_and(hu) AS b, bit_xor(DISTINCT us) AS c FROM events;
SELECT round(avg(d), 4) AS a, floor(avg(d) * 10000) AS b, avg(d)::DECIMAL(18,6) AS c FROM events;
SELECT g, h, median(i) AS m, quantile_disc(ts, 0.5) AS q, count(DISTINCT day) AS c, avg(x) AS a FROM events GROUP BY CUBE (g, h) HAVING count(*) > 0;
SELECT entropy(ts) AS e, entropy(d) AS f, entropy(ms) AS g, entropy(uh) AS u FROM events;
SELECT corr(i, i) AS c, regr_r2(x, x) AS r FROM events WHERE i < 10 AND i > 0;
SELECT regr_slope(d, us) AS s, regr_intercept(d, us) AS i, regr_r2(d, us) AS r, corr(d, us) AS c, covar_samp(d, us) AS cs FROM events;
SELECT median(d) AS m, quantile_cont(d, [0.75, 1]) AS q FROM events WHERE d > 0;
