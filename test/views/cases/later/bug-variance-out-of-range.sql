-- NaN, an infinity or 1e200 among others: DuckDB refuses the SELECT ("Out of Range Error: VARPOP is out of range!"), and so does the
-- partial of a batch that holds two of them; cut between them, the view gives NaN instead. One such event must not stop a view for good.
-- fields: {"g": "VARCHAR?", "x": "DOUBLE?"}
-- {"g":"a","x":1.0}
-- {"g":"a","x":"NaN"}
-- {"g":"b","x":1e200}
-- {"g":"b","x":-1e200}

SELECT g, var_pop(x) AS v FROM events GROUP BY g;
SELECT g, stddev(x) AS s FROM events GROUP BY g;
SELECT corr(x, x) AS c FROM events;
