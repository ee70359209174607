-- fields: {"g": "VARCHAR", "x": "DOUBLE?", "r": "FLOAT?", "w": "DECIMAL(38,37)?", "h": "HUGEINT?"}
-- {"g": "a", "x": 0.1, "r": 0.1, "w": "0.1", "h": 5}
-- {"g": "a", "x": 0.2, "r": -3.25, "w": "-9.75", "h": -7}
-- {"g": "a", "x": 0.1, "r": 1e30, "w": "3", "h": 5}
-- {"g": "b", "x": -0.0, "r": -0.0, "w": null, "h": 170141183460469231731687303715884105727}
-- {"g": "c", "x": "NaN", "r": 4, "w": "1", "h": null}
-- {"g": "c", "x": 1, "r": 2, "w": "1", "h": null}
-- {"g": "d", "x": -1e300, "r": 7, "w": "1", "h": null}
-- {"g": "e", "x": null, "r": null, "w": null, "h": null}

SELECT g, fsum(x) AS s, favg(x) AS a, sumkahan(r) AS r, favg(r) AS ra, fsum(w) AS w, fsum(h) AS h FROM events GROUP BY g;
SELECT fsum(DISTINCT x) AS s, favg(DISTINCT x) AS a, fsum(DISTINCT h) AS h, kahan_sum(x) FILTER (WHERE x < 1) AS f, favg(w) FILTER (WHERE g = 'b') AS none FROM events WHERE g <= 'b';
SELECT g, round(fsum(x), 1) AS s FROM events GROUP BY ROLLUP (g) HAVING favg(x) > 0;
