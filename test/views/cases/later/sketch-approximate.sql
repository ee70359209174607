-- The approximate aggregates of DuckDB's page, over few values: there every sketch is exact, or has an answer of its own.
-- reservoir_quantile is a sample: chance decides it, and it has no place in a view.
-- fields: {"g": "VARCHAR?", "A": "INTEGER?", "B": "DOUBLE?", "S": "VARCHAR?", "D": "DATE?"}
-- {"g":"p","A":1,"B":10.5,"S":"a","D":"2021-01-01"}
-- {"g":"q","A":2,"B":-4.25,"S":"b","D":"2021-01-02"}
-- {"g":"p","A":10,"B":3.0,"S":"a","D":"2021-02-28"}
-- {"g":"p","A":null,"B":null,"S":null,"D":null}
-- {"g":"q","A":7,"B":8.0,"S":"c","D":"2021-02-28"}
-- {"g":"p","A":2,"B":0.5,"S":"a","D":"2020-12-31"}

SELECT approx_count_distinct(A) FROM events;
SELECT g, approx_count_distinct(A) AS a, approx_count_distinct(S) AS s, approx_count_distinct(D) AS d, approx_count_distinct(A) FILTER (WHERE A > 2) AS f FROM events GROUP BY g;
SELECT approx_count_distinct(A) AS none FROM events WHERE A > 100;
SELECT approx_quantile(A, 0.5) FROM events;
SELECT g, approx_quantile(B, 0.5) AS m, approx_quantile(B, [0.25, 0.5, 0.75]) AS l FROM events GROUP BY g;
SELECT approx_top_k(S, 2) FROM events;
SELECT g, approx_top_k(S, 3) AS top FROM events GROUP BY g;
