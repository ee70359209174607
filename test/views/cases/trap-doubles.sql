-- NaN is the largest double and equal to itself; -0.0 and 0.0 are one value; infinities cancel to NaN. As keys, extremes and values.
-- fields: {"g": "VARCHAR?", "x": "DOUBLE?", "r": "FLOAT?"}
-- {"g":"a","x":-0.0,"r":0.0}
-- {"g":"a","x":0.0,"r":-0.0}
-- {"g":"b","x":"NaN","r":"NaN"}
-- {"g":"b","x":"Infinity","r":"-Infinity"}
-- {"g":"c","x":"NaN","r":"NaN"}
-- {"g":"d","x":"-Infinity","r":3.5}
-- {"g":"d","x":"Infinity","r":3.4028234663852886e38}
-- {"g":null,"x":null,"r":null}

SELECT count(DISTINCT x) AS x, count(DISTINCT r) AS r, count(DISTINCT x) FILTER (WHERE x = 0) AS zeros, count(DISTINCT -x) AS neg FROM events;
SELECT g, min(x) AS lo, max(x) AS hi, min(r) AS rlo, max(r) AS rhi, sum(x) AS s, avg(x) AS a FROM events GROUP BY g;
SELECT g, median(r) AS m FROM events GROUP BY g;
SELECT g, quantile_disc(x, 0.5) AS q, quantile_disc(x, [0, 1]) AS ends FROM events GROUP BY g;
SELECT x, r, count(*) AS n FROM events GROUP BY x, r;
SELECT x * 1 AS k, abs(x) AS a, count(*) AS n FROM events GROUP BY k, a;
SELECT x > 1e308 AS big, x = 'NaN' AS nan, isnan(x) AS i, isinf(x) AS f, sign(x) AS s, count(*) AS n FROM events GROUP BY ALL;
SELECT max(x) = 'NaN'::DOUBLE AS a, max(x) > 'Infinity'::DOUBLE AS b, min(-x) AS c, greatest(max(x), 1) AS d, least(min(x), 1) AS e FROM events;
SELECT sum(DISTINCT x) AS a, sum(DISTINCT x) FILTER (WHERE x = 0) AS b, avg(DISTINCT x) FILTER (WHERE isfinite(x)) AS c FROM events;
SELECT g, entropy(x) AS e, histogram(x) AS h FROM events WHERE x <> 'NaN' GROUP BY g;
SELECT g, max(x) AS m FROM events GROUP BY g HAVING max(x) > 1e308;
SELECT CASE WHEN min(x) FILTER (WHERE x = 0) IS NOT DISTINCT FROM 0 THEN 'zero' END AS z, count(*) FILTER (WHERE x IS NOT DISTINCT FROM -0.0) AS n, count(x) AS c FROM events;
SELECT x::FLOAT AS k, r::DOUBLE AS l, x::VARCHAR = '-0.0' AS minus, count(*) AS n FROM events WHERE x <> 0 GROUP BY ALL;
SELECT {'x': g, 'n': isnan(x)} AS k, [g] AS l, count(*) AS n FROM events GROUP BY ALL;
