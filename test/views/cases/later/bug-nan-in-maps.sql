-- DuckDB's histogram and entropy of doubles keep values in a std::map and a hash map: every NaN is a value of its own to entropy, and
-- histogram loses other values beside a NaN. The view counts all NaNs as one value. Refusing doubles there (or naming it) would be true.
-- fields: {"g": "VARCHAR?", "x": "DOUBLE?"}
-- {"g":"b","x":"NaN"}
-- {"g":"b","x":"Infinity"}
-- {"g":"c","x":"NaN"}
-- {"g":"c","x":1.0}

SELECT entropy(x) AS e FROM events;
SELECT g, histogram(x) AS h FROM events GROUP BY g;
