-- fields: {"user": "VARCHAR", "amount": "DECIMAL(9,2)?", "tm": "TIMESTAMP"}
-- fields of visits: {"who": "VARCHAR", "page": "VARCHAR?", "tm": "TIMESTAMP", "tags": "VARCHAR[]?"}
-- reference pages: SELECT * FROM (VALUES ('/', 'home'), ('/buy', 'shop')) t(page, title)
-- {"user": "ann", "amount": 10.50, "tm": "2024-03-01 10:00:00"}
-- visits {"who": "ann", "page": "/", "tm": "2024-03-01 09:00:00", "tags": ["x", "y"]}
-- visits {"who": "bob", "page": "/buy", "tm": "2024-03-02 09:00:00"}
-- {"user": "bob", "tm": "2024-03-02 10:00:00"}
-- visits {"who": "ann", "tm": "2024-03-02 11:00:00", "tags": ["y"]}
-- {"user": "ann", "amount": -3.25, "tm": "2024-03-02 12:00:00"}
SELECT name, count(*) AS n, sum(amount) AS spent, count(*) FILTER (WHERE kind = 'visit') AS visits FROM (SELECT user AS name, amount, 'sale' AS kind FROM events UNION ALL SELECT who, NULL, 'visit' FROM visits) GROUP BY name;
WITH all_of AS (SELECT user AS who, tm FROM events UNION ALL SELECT who, tm FROM visits) SELECT who, min(tm) AS since, max(tm) AS last, count(DISTINCT tm::DATE) AS days FROM all_of GROUP BY who;
SELECT day, count(*) AS n FROM (SELECT tm::DATE AS day FROM events UNION ALL SELECT tm::DATE FROM visits UNION ALL SELECT tm::DATE FROM visits WHERE page = '/') GROUP BY ROLLUP (day);
SELECT title, count(*) AS n FROM (SELECT who, coalesce(title, '?') AS title FROM visits LEFT JOIN pages USING (page) UNION ALL SELECT user, 'sale' FROM events) GROUP BY title;
SELECT count(*) AS n, sum(amount) AS s FROM (SELECT amount FROM events UNION ALL SELECT NULL FROM visits WHERE page = 'nowhere');
SELECT tag, last(who) AS w FROM (SELECT page AS tag, who FROM visits) GROUP BY tag;
