-- avg of decimals and integers is a double divided at the very end: floor, round, = and HAVING tell the last bit.
-- fields: {"g": "VARCHAR?", "d": "DECIMAL(9,2)?", "p": "DECIMAL(4,1)?", "w": "DECIMAL(38,10)?", "i": "INTEGER?", "r": "FLOAT?"}
-- {"g":"a","d":0.10,"p":0.1,"w":"0.1","i":1,"r":0.1}
-- {"g":"a","d":0.20,"p":0.2,"w":"0.2","i":2,"r":0.2}
-- {"g":"a","d":0.30,"p":0.3,"w":"0.3","i":4,"r":0.3}
-- {"g":"b","d":2.99,"p":2.5,"w":"1234567890123456789012345678.0000000001","i":2147483647,"r":16777216}
-- {"g":"b","d":3.00,"p":3.5,"w":"-1234567890123456789012345677.9999999999","i":2147483646,"r":1}
-- {"g":"c","d":null,"p":null,"w":null,"i":null,"r":null}
-- {"g":"d","d":-1.15,"p":-1.5,"w":"-0.5","i":-3,"r":-0.0}

SELECT g, avg(d) AS d, avg(p) AS p, avg(w) AS w, avg(i) AS i FROM events GROUP BY g;
SELECT g, floor(avg(d)) AS f, ceil(avg(d)) AS c, round(avg(d), 2) AS r, round(avg(p), 1) AS rp, trunc(avg(p)) AS t, avg(d)::DECIMAL(9,2) AS dd, avg(i)::INTEGER AS ii FROM events GROUP BY g;
SELECT g, avg(d) = 0.2 AS a, avg(p) = 0.2 AS b, avg(w) = 0.2 AS c, avg(d) * 10 = 2 AS e FROM events GROUP BY g;
SELECT g, count(*) AS n FROM events GROUP BY g HAVING avg(d) >= 0.2 AND avg(d) <= 0.2;
SELECT g FROM events GROUP BY g HAVING floor(avg(w) * 1000000) = 200000 OR avg(p) > 2.9;
SELECT round(avg(d), 3) AS a, avg(d) - avg(p) AS b, avg(i) - sum(i) / count(i) AS c, round(avg(w), 6) AS e, avg(d) FILTER (WHERE p > 0) AS f, avg(d::DOUBLE) AS h FROM events;
SELECT typeof(avg(d)) AS d, typeof(avg(i)) AS i, typeof(avg(r)) AS r, avg(r) AS a FROM events;
SELECT CASE WHEN avg(d) < 0 THEN 'below' WHEN avg(d) > 0 THEN 'above' ELSE 'none' END AS side, g FROM events GROUP BY g;
