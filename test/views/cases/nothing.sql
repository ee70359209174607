-- fields: {"g": "VARCHAR?", "i": "BIGINT?", "f": "DOUBLE?"}

SELECT count(*), count(i), sum(i), avg(i), min(g), max(f), count_if(i > 1) FROM events;
SELECT g, count(*) FROM events GROUP BY g;
SELECT count(*) AS n FROM events GROUP BY 'a';
SELECT count(*) AS n, sum(i) AS s FROM events GROUP BY ALL;
SELECT count(*) AS n FROM events HAVING count(*) > 0;
SELECT coalesce(sum(i), -1) + count(*) AS x, round(avg(f), 2) AS r FROM events;
