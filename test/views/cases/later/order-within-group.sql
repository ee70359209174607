-- postgresql.org/docs/current/sql-expressions.html (households) and functions-aggregate.html, ordered-set aggregates; DuckDB has them as
-- quantile_cont(x, share), quantile_disc(x, share) and mode(x), and its parser keeps the order: DESC counts from the other end.
-- fields: {"i": "INTEGER", "income": "DOUBLE?", "b": "BOOLEAN?", "n": "DECIMAL(12,3)?", "m": "TIMESTAMP?", "s": "VARCHAR?"}
-- {"i":1,"income":10,"b":true,"n":1.5,"m":"2024-01-01 00:00:00","s":"one"}
-- {"i":2,"income":20.5,"b":true,"n":-2.25,"m":"2024-01-02 12:00:00","s":"two"}
-- {"i":3,"income":null,"b":null,"n":null,"m":null,"s":null}
-- {"i":4,"income":70,"b":false,"n":4.125,"m":"2024-01-04 00:00:00.000001","s":"four"}
-- {"i":5,"income":30,"b":true,"n":1.5,"m":"2024-03-10 02:30:00","s":"five"}
-- {"i":6,"income":10,"b":true,"n":0.000,"m":"2023-12-31 23:59:59","s":"six"}
-- {"i":7,"income":1000000,"b":false,"n":99999.999,"m":"2024-01-01 00:00:00","s":"two"}

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY income) FROM events;
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY income) FROM events;
SELECT percentile_cont([0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY income) AS c, percentile_disc([0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY s) AS d FROM events;
SELECT b, percentile_cont(0.25) WITHIN GROUP (ORDER BY n) AS c, percentile_disc(0.25) WITHIN GROUP (ORDER BY m) FILTER (WHERE i > 1) AS d FROM events GROUP BY b;
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY income DESC) AS c, percentile_disc(0.25) WITHIN GROUP (ORDER BY income DESC) AS d, percentile_disc([0.1, 0.9]) WITHIN GROUP (ORDER BY i DESC) AS l FROM events;
SELECT mode() WITHIN GROUP (ORDER BY income) AS m FROM events;
SELECT quantile_cont(income, -0.25) AS c, quantile_disc(i, -0.1) AS d FROM events;
