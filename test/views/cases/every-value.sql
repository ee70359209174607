-- fields: {"g": "VARCHAR?", "i": "BIGINT?", "x": "DOUBLE?", "d": "DECIMAL(9,2)?", "w": "DECIMAL(30,4)?", "t": "VARCHAR?", "ts": "TIMESTAMP?", "day": "DATE?", "tz": "TIMESTAMP WITH TIME ZONE?", "b": "BOOLEAN?", "h": "HUGEINT?", "l": "BIGINT[]?"}
-- {"g":"a","i":3,"x":0.5,"d":1.01,"w":1.5,"t":"p","ts":"2001-01-01 00:00:00.000001","day":"2001-01-01","tz":"2001-01-01 00:00:00.000001Z","b":true,"h":1,"l":[1,2]}
-- {"g":"b","i":3,"x":-0.0,"d":1.02,"w":1.5,"t":"q","ts":"2001-01-02 00:00:00.000004","day":"2001-01-02","tz":"2001-01-02 00:00:00.000004Z","b":false,"h":2,"l":[1]}
-- {"g":"a","i":5,"x":"NaN","d":-1.05,"w":-2.25,"t":"p","ts":"2001-01-05","day":"2001-01-05","tz":"2001-01-05 00:00:00Z","b":true,"h":170141183460469231731687303715884105727,"l":null}
-- {"g":null,"i":null,"x":null,"d":null,"w":null,"t":null,"ts":null,"day":null,"tz":null,"b":null,"h":null,"l":[]}
-- {"g":"a","i":-9223372036854775808,"x":0.0,"d":7.77,"w":3.0,"t":"","ts":"1999-12-31 23:59:59","day":"1999-12-31","tz":"1999-12-31 23:59:59Z","b":null,"h":-1,"l":[1,2]}
-- {"g":"b","i":7,"x":"Infinity","d":0.00,"w":3.0,"t":"q","ts":"2001-01-02 00:00:00.000004","day":"2001-01-02","tz":null,"b":false,"h":2,"l":[2,1]}
-- {"g":"c","i":1,"x":2.25,"d":1.01,"w":9.0,"t":"é","ts":"2004-02-29 12:00:00","day":"2004-02-29","tz":"2004-02-29 12:00:00Z","b":true,"h":0,"l":[9]}
-- {"g":"a","i":3,"x":0.5,"d":1.01,"w":1.5,"t":"p","ts":"2001-01-01 00:00:00.000001","day":"2001-01-01","tz":"2001-01-01 00:00:00.000001Z","b":true,"h":1,"l":[1,2]}

SELECT g, count(DISTINCT i) AS i, count(DISTINCT x) AS x, count(DISTINCT t) AS t, count(DISTINCT ts) AS ts, count(DISTINCT h) AS h, count(DISTINCT l) AS l FROM events GROUP BY g;
SELECT count(DISTINCT g) AS g, count(*) AS n, count(DISTINCT i % 2) AS odd, sum(DISTINCT i) AS s, avg(DISTINCT i) AS a, sum(DISTINCT d) AS sd, avg(DISTINCT d) AS ad FROM events;
SELECT g, sum(DISTINCT h % 10) AS h, min(DISTINCT i) AS lo, max(DISTINCT t) AS hi, stddev(DISTINCT i % 100) AS s FROM events GROUP BY g;
SELECT count(DISTINCT t) FILTER (WHERE i > 2) AS a, count(DISTINCT t) AS b, count(DISTINCT i) FILTER (WHERE false) AS c, sum(DISTINCT i) FILTER (WHERE g IS NULL) AS d FROM events;
SELECT g, median(i) AS i, median(d) AS d, median(ts) AS ts, median(day) AS day, median(tz) AS tz, median(t) AS t FROM events WHERE x <> 'NaN' GROUP BY g;
SELECT median(i) AS i, median(x) AS x, median(d) AS d, median(ts) AS ts, median(tz) AS tz, median(t) AS t, median(b) AS b FROM events;
SELECT quantile_cont(i, 0.3) AS a, quantile_cont(d, 0.3) AS b, quantile_cont(d, 0.37) AS c, quantile_cont(ts, 0.3) AS e, quantile_cont(day, 0.31) AS f, quantile_cont(tz, 0.77) AS h FROM events;
SELECT g, quantile_cont(i, 0) AS a, quantile_cont(i, 1) AS b, quantile_cont(x, 0.5) AS c, quantile_cont(i, [0.1, 0.5, 0.95]) AS l FROM events WHERE x < 100 GROUP BY g;
SELECT quantile_disc(i, 0.5) AS a, quantile_disc(i, 0.9) AS b, quantile(i, 0.25) AS c, quantile_disc(t, 0.4) AS e, quantile_disc(w, [0.0, 0.5, 1.0]) AS f, quantile_disc(ts, 0.333) AS h FROM events;
SELECT g, quantile_disc(x, 0.99) AS a, quantile_disc(d, 0.5) AS b, quantile_disc(l, 0.5) AS c, quantile_disc(i, [0.2, 0.8]) AS e FROM events GROUP BY g;
SELECT g, entropy(t) AS e, histogram(i) AS h, histogram(t) AS ht FROM events GROUP BY g;
SELECT entropy(i) AS e, histogram(day) AS h, round(entropy(t), 6) AS r FROM events;
SELECT count(DISTINCT i) AS a, median(i) AS b, quantile_disc(i, 0.5) AS c, entropy(i) AS e, histogram(i) AS h, sum(DISTINCT i) AS s FROM events WHERE false;
SELECT g, t, count(DISTINCT i) + count(*) AS n, median(i) - avg(i) AS skew, round(100.0 * count(DISTINCT i) / count(*), 1) AS share FROM events GROUP BY g, t HAVING count(DISTINCT i) > 0;
SELECT upper(g) AS g, CASE WHEN median(d) > 1 THEN 'high' ELSE 'low' END AS c FROM events GROUP BY upper(g) HAVING median(d) IS NOT NULL;
SELECT date_trunc('year', ts) AS y, count(DISTINCT g) AS g, count(DISTINCT {a: i, b: t}) AS pairs FROM events WHERE i IS NOT NULL GROUP BY y;
SELECT g FROM events GROUP BY g HAVING count(DISTINCT t) > 1;
