-- fields: {"g": "VARCHAR", "r": "FLOAT?", "d": "DOUBLE?"}
-- {"g": "a", "r": 1.25, "d": 1.25}
-- {"g": "a", "r": 3.25, "d": 3.25}
-- {"g": "a", "r": 0.5, "d": 0.5}
-- {"g": "b", "r": 0.1, "d": 0.1}
-- {"g": "b", "r": -16777217.5, "d": -16777217.5}
-- {"g": "b", "r": 1e-9, "d": 1e-9}
-- {"g": "b", "r": null, "d": null}

-- between two REALs DuckDB rounds to a REAL at each step
SELECT quantile_cont(r, 0.333) AS q FROM events;
SELECT g, median(r) AS m, quantile_cont(r, 0.333) AS q, quantile_cont(r, [0.1, 0.9, 1]) AS qs, quantile_disc(r, 0.3) AS d, avg(r) AS a, sum(r) AS s FROM events GROUP BY g;
SELECT g, round(quantile_cont(r, 0.9), 3) AS q, quantile_cont(r * 3, 0.7) AS t, mode(r) AS m FROM events GROUP BY g HAVING median(r) < 100;
SELECT g, quantile_cont(r, 0.25) AS r, quantile_cont(d, 0.25) AS d FROM events GROUP BY ROLLUP (g);
