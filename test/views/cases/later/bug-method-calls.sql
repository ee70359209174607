-- Functions called on a column with a dot (duckdb.org/docs/stable/sql/functions/overview, "function chaining via the dot operator"): the
-- parser gives column.f() as f() in a schema called "column". The compiler does not see the column, so that it is neither qualified
-- nor replaced by its key: the first gives no rows instead of one (the alias is taken for the column), the others are refused
-- without a place.
-- For the same reason these compile and must be refused: WHERE ts.age() < INTERVAL 1 DAY (age of one argument reads the clock; here it
-- has none), GROUP BY rowid.abs() (rowid is a column of the compiler's own table, and none of the events').
-- fields: {"city": "VARCHAR?", "i": "BIGINT?"}
-- {"city":"A","i":1}
-- {"city":"b","i":-2}
-- {"city":"A","i":null}

SELECT city || 'z' AS city, count(*) AS n FROM events GROUP BY city HAVING city.lower() = 'a';
SELECT city.upper() AS u, count(*) AS n FROM events GROUP BY city;
SELECT sum(i.abs()) AS t, count(*) AS n FROM events WHERE city.lower() <> 'c';
SELECT e.city.lower() AS k, count(*) AS n FROM events AS e GROUP BY k;
SELECT lower(city) AS k, count(*) AS n FROM events WHERE k.upper() = 'A' GROUP BY k;
SELECT i.sum() AS s, city.max().lower() AS m FROM events;
SELECT city.lower() AS k, count(*) AS n FROM events GROUP BY lower(city);
