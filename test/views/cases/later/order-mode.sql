-- mode: the most frequent value, of several the first one seen; NULLs never; NULL of nothing.
-- fields: {"g": "VARCHAR?", "i": "INTEGER?", "s": "VARCHAR?", "x": "DOUBLE?", "d": "DATE?"}
-- {"g":"a","i":3,"s":"x","x":0.0,"d":"2024-01-01"}
-- {"g":"a","i":5,"s":"y","x":-0.0,"d":"2024-01-02"}
-- {"g":"b","i":5,"s":"y","x":"NaN","d":null}
-- {"g":"b","i":3,"s":null,"x":"NaN","d":"2024-01-01"}
-- {"g":"c","i":null,"s":null,"x":null,"d":null}
-- {"g":null,"i":9,"s":"x","x":1.5,"d":null}

SELECT mode(i) FROM events;
SELECT mode(s), mode(d), mode(i) FILTER (WHERE i > 4), mode(i % 2) FROM events;
SELECT g, mode(i) AS i, mode(s) AS s, mode(d) AS d FROM events GROUP BY g;
SELECT mode(x) AS m FROM events WHERE x = 'NaN' OR x > 1;
SELECT mode(i) AS m, mode(i) + 1 AS next FROM events WHERE i > 100;
SELECT g, mode(s) AS s FROM events GROUP BY ROLLUP (g) HAVING mode(i) > 3;
SELECT mode() WITHIN GROUP (ORDER BY i) AS m FROM events;
