-- arg_min, arg_max and their aliases: the examples of DuckDB's aggregates page over A and B. Ties show the first row; NULLs are left out
-- of arg_max, those of the argument alone stay in arg_max_null; NaN is the largest double; -0.0 and 0.0 are a tie.
-- fields: {"G": "VARCHAR?", "A": "INTEGER?", "B": "DOUBLE?", "S": "VARCHAR?", "T": "TIMESTAMP?"}
-- {"G":"p","A":1,"B":10.5,"S":"a","T":"2021-01-01 00:00:00"}
-- {"G":"q","A":2,"B":-4.25,"S":"b","T":"2021-01-02 00:00:00"}
-- {"G":"p","A":10,"B":10.5,"S":"c","T":"2021-01-01 00:00:00"}
-- {"G":"p","A":null,"B":99.0,"S":null,"T":"2021-01-03 00:00:00"}
-- {"G":"q","A":7,"B":-0.0,"S":"d","T":null}
-- {"G":"q","A":8,"B":0.0,"S":"e","T":"2021-01-02 00:00:00"}
-- {"G":"r","A":3,"B":null,"S":"f","T":null}
-- {"G":null,"A":4,"B":"NaN","S":"g","T":"2020-01-01 00:00:00"}

SELECT arg_max(A, B), arg_min(A, B) FROM events;
SELECT argmax(A, B), max_by(A, B), argmin(A, B), min_by(A, B) FROM events;
SELECT arg_max_null(A, B), arg_min_null(A, B) FROM events;
SELECT arg_max_null(A, B), arg_max(A, B), arg_max(S, T), arg_min(S, T), arg_max({'a': A, 's': S}, B) FROM events WHERE B < 100;
SELECT G, arg_max(A, B) AS hi, arg_min(A, B) AS lo, arg_max_null(S, B) AS hin, min_by(B, A) AS b FROM events GROUP BY G;
SELECT arg_max(A, B, 2), arg_min(A, B, 2), max_by(S, A, 3), min_by(S, T, 2) FROM events;
SELECT G, arg_max(S, A, 2) AS two FROM events GROUP BY G;
SELECT arg_max(S, B) FILTER (WHERE A < 5) AS f, arg_min(S, B) FILTER (WHERE false) AS n, upper(arg_max(S, T)) || '!' AS u FROM events;
SELECT arg_max(A, B ORDER BY A DESC) AS o, arg_max(A, (B, T)) AS pair FROM events WHERE B < 50;
SELECT G, arg_max(S, T) AS s FROM events GROUP BY G HAVING arg_max(A, T) > 1;
SELECT G, arg_max(S, T) AS s FROM events GROUP BY ROLLUP (G);
SELECT arg_max(A, B), arg_min_null(A, B) FROM events WHERE A > 1000;
