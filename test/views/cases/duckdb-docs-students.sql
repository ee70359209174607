-- duckdb.org/docs/stable/sql/query_syntax/grouping_sets: the table of students, under every form of the page.
-- fields: {"course": "VARCHAR?", "type": "VARCHAR?"}
-- {"course":"CS","type":"Bachelor"}
-- {"course":"CS","type":"Bachelor"}
-- {"course":"CS","type":"PhD"}
-- {"course":"Math","type":"Masters"}
-- {"course":"CS","type":null}
-- {"course":"CS","type":null}
-- {"course":"Math","type":null}

SELECT course, type, count(*) FROM events GROUP BY GROUPING SETS ((course, type), course, type, ());
SELECT course, type, count(*) FROM events GROUP BY CUBE (course, type);
SELECT course, type, count(*) FROM events GROUP BY ROLLUP (course, type);
SELECT course, type, count(*) FROM events GROUP BY ROLLUP (type, course);
SELECT course, type, count(*) FROM events GROUP BY GROUPING SETS ((course, type), (course), (type), ());
-- the four parts of its UNION ALL, each a view
SELECT course, type, count(*) FROM events GROUP BY course, type;
SELECT NULL AS course, type, count(*) FROM events GROUP BY type;
SELECT course, NULL AS type, count(*) FROM events GROUP BY course;
SELECT NULL AS course, NULL AS type, count(*) FROM events;
-- a NULL of the data and a NULL of a set, told apart
SELECT course, type, count(*) AS n, GROUPING_ID(course, type) AS id, GROUPING(type, course) AS di FROM events GROUP BY CUBE (course, type);
