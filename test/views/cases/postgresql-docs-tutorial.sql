-- postgresql.org/docs/current/tutorial-agg.html: the weather table. The subquery over max(temp_lo) is in refusals.test.ts.
-- fields: {"city": "VARCHAR", "temp_lo": "INTEGER?", "temp_hi": "INTEGER?", "prcp": "FLOAT?", "date": "DATE"}
-- {"city":"San Francisco","temp_lo":46,"temp_hi":50,"prcp":0.25,"date":"1994-11-27"}
-- {"city":"San Francisco","temp_lo":43,"temp_hi":57,"prcp":0.0,"date":"1994-11-29"}
-- {"city":"Hayward","temp_lo":37,"temp_hi":54,"prcp":null,"date":"1994-11-29"}

SELECT max(temp_lo) FROM events;
SELECT city, count(*), max(temp_lo) FROM events GROUP BY city;
SELECT city, count(*), max(temp_lo) FROM events GROUP BY city HAVING max(temp_lo) < 40;
SELECT city, count(*), max(temp_lo) FROM events WHERE city LIKE 'S%' GROUP BY city;
SELECT city, count(*) FILTER (WHERE temp_lo < 45), max(temp_lo) FROM events GROUP BY city;
-- tutorial-select.html: an expression over two columns
SELECT city, (max(temp_hi) + min(temp_lo)) / 2 AS temp_avg, date FROM events GROUP BY city, date;
SELECT city, sum(prcp), avg(prcp), count(prcp) FROM events WHERE city = 'San Francisco' AND prcp > 0.0 GROUP BY city;
