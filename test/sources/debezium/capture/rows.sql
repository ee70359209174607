-- What both tables get, by the name :table; before the snapshot
INSERT INTO :table
SELECT id, 'north', id % 2 = 0, id, id * 1000, 9007199254740993 + id, id / 3.0, id / 7.0,
  id * 1.25, 12345678901234567890.0123456789 + id, id * 1.5,
  'text ' || id || ' "quoted" \ é 😀' || repeat('x', 40), 'varchar ' || id, 'c' || id, md5(id::text)::uuid, 'calm', 'noted',
  date '2024-02-28' + id, time '10:20:30.123456' + id * interval '1 minute', time '10:20:30',
  timestamp '2024-02-28 10:20:30.123456' + id * interval '1 day', timestamp '2024-02-28 10:20:30.123',
  timestamptz '2024-02-28 10:20:30.123456+02' + id * interval '1 day', interval '1 year 2 months 3 days 04:05:06.5',
  decode(repeat(md5(id::text), 2), 'hex'), ('{"n": 12345678901234567890.5, "id": ' || id || ', "pad": "' || repeat('j', 60) || '"}')::json,
  jsonb_build_object('id', id, 'big', 12345678901234567890123::numeric, 'pad', repeat('b', 60)),
  array_agg(g), array_agg(9007199254740993 + g) FILTER (WHERE g <= 3), array_agg('t' || g),
  array_agg(date '2024-01-01' + g), ARRAY[0.5, NULL, id], ARRAY[0.25, id],
  repeat(chr(96 + id::integer), 2200)
FROM generate_series(1, 6) AS id, generate_series(1, 8) AS g GROUP BY id;
INSERT INTO :table (id, region, note) VALUES (7, 'nulls', NULL);
