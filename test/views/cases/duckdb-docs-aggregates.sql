-- duckdb.org/docs/stable/sql/functions/aggregates, "Examples" at its head, on a small table of sales.
-- Left out: list(region ORDER BY amount DESC); first(amount ORDER BY date) is in later/order-first-last.sql.
-- fields: {"region": "VARCHAR?", "amount": "DECIMAL(10,2)?", "date": "DATE?"}
-- {"region":"north","amount":60.00,"date":"2024-01-02"}
-- {"region":"south","amount":100.00,"date":"2024-01-01"}
-- {"region":"north","amount":40.01,"date":"2024-01-03"}
-- {"region":"east","amount":250.50,"date":"2024-01-03"}
-- {"region":"south","amount":null,"date":"2024-01-04"}
-- {"region":null,"amount":12.00,"date":"2024-01-05"}

SELECT sum(amount) FROM events;
SELECT region, sum(amount) FROM events GROUP BY region;
SELECT region FROM events GROUP BY region HAVING sum(amount) > 100;
SELECT count(DISTINCT region) FROM events;
SELECT sum(amount), sum(amount) FILTER (region != 'north') FROM events;
-- "handling NULL values": all but count give NULL on empty groups
SELECT count(amount), count(*), sum(amount), min(amount), max(amount), avg(amount), median(amount) FROM events WHERE amount > 1000;
SELECT region, count(amount), sum(amount), avg(amount) FROM events WHERE amount IS NULL GROUP BY region;
-- "DISTINCT is parsed and ignored" for min and max
SELECT region, min(DISTINCT amount), max(DISTINCT amount), bool_and(DISTINCT amount > 50), bit_or(DISTINCT amount::INTEGER) FROM events GROUP BY region;
