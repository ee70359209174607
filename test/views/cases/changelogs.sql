-- fields: {"id": "BIGINT", "shop": "VARCHAR", "city": "VARCHAR?", "age": "INTEGER?", "big": "BIGINT?", "price": "DECIMAL(12,2)?", "d": "DOUBLE?", "x": "DOUBLE?", "ok": "BOOLEAN?", "day": "DATE?", "seen": "TIMESTAMP?", "tags": "VARCHAR[]?", "place": "STRUCT(a BIGINT, b VARCHAR)?", "j": "JSON?", "h": "HUGEINT?"}
-- key: shop, id
-- {"id":1,"shop":"a","city":"Bern","age":30,"big":9223372036854775807,"price":10.50,"d":0.1,"x":0.1,"ok":true,"day":"2026-01-01","seen":"2026-01-01T10:00:00","tags":["x","y"],"place":{"a":1,"b":"é"},"j":{"k":1},"h":170141183460469231731687303715884105}
-- {"id":1,"shop":"b","city":"Bern","age":40,"big":9223372036854775807,"price":0.01,"d":"Infinity","x":0.2,"ok":false,"day":"2026-01-02"}
-- {"id":2,"shop":"a","city":"Rome","age":null,"big":-9223372036854775808,"price":-3.25,"d":"NaN","x":-7.25,"ok":null,"tags":[],"j":null}
-- {"id":3,"shop":"a","city":null,"age":50,"price":99.99,"d":"-Infinity","x":1000.5,"ok":true,"seen":"2026-03-01T00:00:00.123456"}
-- {"id":2,"shop":"a","city":"Oslo","age":20,"big":1,"price":7.00,"d":1e15,"x":3.5,"ok":true,"tags":["x",null],"place":{"a":null,"b":"z"}}
-- gone {"id":3,"shop":"a"}
-- {"id":4,"shop":"it's \"b\"","city":"Rome","age":7,"big":-9223372036854775808,"price":5.00,"d":-0.0,"x":0.3,"ok":false,"day":"2025-12-31","j":"t","h":-1}
-- {"id":1,"shop":"a","city":"Bern","age":31,"big":9223372036854775807,"price":10.50,"d":0.1,"x":0.1,"ok":true,"day":"2026-01-01","seen":"2026-01-01T10:00:00","tags":["x","y"],"place":{"a":1,"b":"é"},"j":{"k":1},"h":1}
-- {"id":1,"shop":"b","city":"Rome","age":40,"big":1,"price":0.01,"d":0.2,"x":0.2,"ok":null}
-- gone {"id":4,"shop":"it's \"b\""}
-- {"id":3,"shop":"a","city":"Oslo","age":20,"d":-1e15,"x":-0.0,"ok":false}
-- {"id":2,"shop":"a","city":"Oslo","age":20,"big":1,"price":7.00,"d":0.7,"x":3.5,"ok":true,"tags":["x",null],"place":{"a":null,"b":"z"}}
-- {"id":3,"shop":"a","city":"Oslo","age":20,"d":-0.3,"x":-0.0,"ok":false}
-- {"id":4,"shop":"it's \"b\"","city":"Lima","age":7,"price":5.01,"d":0.0,"x":0.3,"ok":false,"day":"2025-12-31","j":"t","h":-1}
-- gone {"id":1,"shop":"a"}

SELECT city, count(*) AS n, count(age) AS c, sum(age) AS s, sum(big) AS b, sum(price) AS p, sum(h) AS h, avg(age) AS a, avg(price) AS ap, avg(day) AS ad, avg(seen) AS t FROM events GROUP BY city;
SELECT city, sum(d) AS d, avg(d) AS a, sum(x) AS x, fsum(x) AS f, favg(x) AS g FROM events GROUP BY city;
SELECT ok, min(age) AS a, max(age) AS b, min(city) AS c, max(price) AS p, min(d) AS d, max(d) AS e, min(day) AS f, max(seen) AS g, min(h) AS h, max(tags) AS t, max(place) AS i, min(x, 2) AS x, max(city, 3) AS k FROM events GROUP BY ok;
SELECT shop, count(DISTINCT city) AS c, sum(DISTINCT price) AS s, avg(DISTINCT x) AS a, count(DISTINCT tags) AS t, count(DISTINCT d) AS d FROM events GROUP BY shop;
SELECT city, median(x) AS m, quantile_cont(age, 0.25) AS q, quantile_disc(price, [0.1, 0.9]) AS r, mode FROM (SELECT city, x, age, price, 1 AS mode FROM events) GROUP BY city, mode;
SELECT ok, var_pop(x) AS v, var_samp(price) AS w, stddev_pop(age) AS s, stddev_samp(x) AS t, sem(x) AS u, entropy(city) AS e FROM events GROUP BY ok;
SELECT ok, histogram(city) AS h, string_agg(city, '-' ORDER BY city) AS s, string_agg(DISTINCT shop, ',' ORDER BY shop) AS t FROM events GROUP BY ok;
SELECT city, bit_and(age) AS a, bit_or(age) AS o, bit_xor(big) AS x, bool_and(ok) AS b, bool_or(ok) AS c, count_if(ok) AS n FROM events GROUP BY city;
SELECT approx_quantile(x, 0.5) AS q, count(*) AS n FROM events;
SELECT city, count(*) FILTER (WHERE age > 20) AS n, sum(price) FILTER (WHERE ok) AS s, max(x) FILTER (WHERE city = 'Oslo') AS m FROM events GROUP BY city;
SELECT ok, city, count(*) AS n, sum(age) AS s, max(x) AS m FROM events GROUP BY ROLLUP (ok, city);
SELECT grouping(city) AS g, city, shop, count(*) AS n, median(age) AS m FROM events GROUP BY GROUPING SETS ((), (city), (shop), (city, shop), (city));
SELECT city, count(*) AS n FROM events GROUP BY city HAVING sum(age) > 30;
SELECT d AS k, count(*) AS n FROM events GROUP BY d;
SELECT d + 0.0 AS k, min(age) AS n FROM events GROUP BY 1;
SELECT tags, place, j, count(*) AS n FROM events GROUP BY ALL;
SELECT tag, count(*) AS n, sum(age) AS s FROM (SELECT unnest(tags) AS tag, age FROM events) GROUP BY tag;
SELECT CASE WHEN age < 30 THEN 'young' ELSE 'old' END AS k, count(*) AS n, round(avg(x), 2) AS a FROM events WHERE city IS NOT NULL GROUP BY k;
SELECT count(*) AS n, sum(age) AS s, min(x) AS m, avg(price) AS a FROM events WHERE shop = 'c';
SELECT sum(n) AS n, k FROM (SELECT 1 AS n, 'all' AS k FROM events UNION ALL SELECT 2, city FROM events WHERE ok) GROUP BY k;
SELECT shop, max({age: age, id: id}).id AS oldest FROM events GROUP BY shop;
