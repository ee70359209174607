-- Lists, structs and JSON in keys, in arguments, in FILTER and around aggregates.
-- fields: {"l": "BIGINT[]?", "s": "STRUCT(a BIGINT, n STRUCT(x VARCHAR, l INTEGER[]))?", "ls": "STRUCT(k VARCHAR, v INTEGER)[]?", "j": "JSON?", "p": "VARCHAR?"}
-- {"l":[1,2,3],"s":{"a":1,"n":{"x":"u","l":[1,2]}},"ls":[{"k":"a","v":1},{"k":"b","v":2}],"j":{"k":1,"m":[{"z":1.5},{"z":2}]},"p":"{\"q\": 1}"}
-- {"l":[],"s":{"a":null,"n":{"x":"v","l":[]}},"ls":[],"j":{"k":"t","m":null},"p":"{\"q\": \"2\"}"}
-- {"l":null,"s":null,"ls":null,"j":null,"p":null}
-- {"l":[5,null],"s":{"a":3,"n":{"x":"u","l":null}},"ls":[{"k":"a","v":null}],"j":{"k":2.5,"m":[]},"p":"[]"}
-- {"l":[1,2,3],"s":{"a":1,"n":null},"ls":[{"k":"c","v":7}],"j":[1,2],"p":"{}"}

SELECT sum(l[1]) AS a, avg(s.a) AS b, max(s.n.x) AS c, count(ls[1].k) AS d, sum(list_sum(l)) AS e, max(len(l)) AS f, count(s.n.l[2]) AS g FROM events;
SELECT s.n.x AS k, sum(s.a) AS a, count(*) AS n, min(s.n.l) AS l, max(l) AS hi, count(DISTINCT l) AS d, count(DISTINCT s.n) AS dn FROM events GROUP BY s.n.x;
SELECT s.n AS k, ls AS m, count(*) AS n FROM events GROUP BY s.n, ls;
SELECT ls[1].k AS k, sum(ls[1].v) AS v, sum(list_sum([e.v FOR e IN ls])) AS all_v, median(ls[1].v) AS m FROM events GROUP BY ls[1].k;
SELECT list_transform(ls, lambda e: e.k) AS k, count(*) AS n FROM events GROUP BY k HAVING len(k) > 0 OR k IS NULL;
SELECT sum(TRY_CAST(j ->> '$.k' AS DOUBLE)) FILTER (WHERE json_type(j, '$.k') IN ('UBIGINT', 'DOUBLE')) AS a, count(j -> 'm') AS b, max(j ->> '$.m[0].z') AS c, count(j ->> 'k') AS d, sum(json_array_length(j -> 'm')) AS e FROM events;
SELECT j ->> 'k' AS k, (j -> '$.m[*].z')::VARCHAR AS z, json_extract_string(p, '$.q') AS q, count(*) AS n FROM events GROUP BY ALL;
SELECT TRY_CAST(p::JSON ->> 'q' AS INTEGER) AS q, (p::JSON ->> 'q') = '1' AS one, count(*) AS n FROM events GROUP BY ALL;
SELECT count(*) FILTER (WHERE list_contains(l, 2)) AS a, count(*) FILTER (WHERE l && [5]) AS b, count(*) FILTER (WHERE s.n.x = 'u' AND j IS NOT NULL) AS c, sum(len(l)) FILTER (WHERE len(ls) > 0) AS d, count(*) FILTER (WHERE len(list_filter(ls, lambda e: e.v > 1)) > 0) AS e FROM events;
SELECT {'k': s.n.x, 'n': count(*)} AS r, [sum(s.a), count(s.a)] AS l, map {'lo': min(s.a), 'hi': max(s.a)} AS m, to_json({'c': count(*), 'x': s.n.x}) AS j FROM events GROUP BY s.n.x;
SELECT (max({'a': s.a, 'x': s.n.x})).x AS a, min([s.a, 1])[1] AS b, max(l)[-1] AS c, (max(s)).n.x AS d FROM events;
SELECT histogram(s.n.x) AS h, histogram(len(l)) AS n, histogram(s.a)[1] AS one, map_keys(histogram(ls[1].k)) AS k, entropy(s.n.x) AS e FROM events;
SELECT s.a AS "s.a", l[1] AS "l[1]", s.a + l[1] AS t, count(*) AS n FROM events GROUP BY s.a, l[1];
SELECT struct_pack(a := l[1], b := p) AS k, l[1:2] AS sl, l[-1] AS last, array_slice(l, 1, 1) AS first, count(*) AS n FROM events GROUP BY ALL;
