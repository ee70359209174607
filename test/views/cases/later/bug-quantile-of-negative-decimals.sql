-- quantile_cont of DECIMAL between two values: DuckDB cuts the way off ("low + whole part of (high - low) * part"), the view cuts the sum
-- off ("whole part of low + …"): another last digit wherever low is negative, or so large that the sum rounds.
-- tidemark_between_unscaled (duckdb/macros.ts) should be low + trunc((high - low) * part).
-- fields: {"d": "DECIMAL(18,4)?", "e": "DECIMAL(4,1)?", "f": "DECIMAL(9,0)?", "w": "DECIMAL(18,0)?"}
-- {"d":-0.0002,"e":-0.2,"f":-2,"w":-999999999999999999}
-- {"d":0.0001,"e":0.1,"f":1,"w":999999999999999990}
-- {"d":0.0004,"e":0.4,"f":4,"w":999999999999999999}

SELECT quantile_cont(d, 0.3) AS a, quantile_cont(d, [0.1, 0.2, 0.25, 0.6, 0.9]) AS b FROM events;
SELECT quantile_cont(e, [0.1, 0.3]) AS a, quantile_cont(f, [0.1, 0.3]) AS b FROM events;
SELECT median(d) AS m FROM events WHERE d < 0.0004;
SELECT quantile_cont(w, [0.1, 0.6, 0.7, 0.9]) AS w FROM events;
