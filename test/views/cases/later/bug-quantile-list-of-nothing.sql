-- quantile_cont with a list of shares over no values (an all-NULL group, no events): DuckDB gives NULL, the view a list of NULLs.
-- quantile_disc with a list has the CASE for it; quantile_cont has not (aggregates/values.ts, interpolated).
-- fields: {"g": "VARCHAR?", "i": "BIGINT?"}
-- {"g":"a","i":1}
-- {"g":"z","i":null}

SELECT g, quantile_cont(i, [0.5]) AS l FROM events GROUP BY g;
SELECT quantile_cont(i, [0.1, 0.9]) AS q FROM events WHERE g = 'z';
SELECT quantile_cont(i, [0.1, 0.9]) FILTER (WHERE false) AS q, quantile_disc(i, [0.1, 0.9]) FILTER (WHERE false) AS d FROM events;
