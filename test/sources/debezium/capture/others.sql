-- What the other tables get; while it is streamed
INSERT INTO lists SELECT 1, 1, array_fill(0.5::float8, ARRAY[300]);
INSERT INTO lists VALUES (2, 1, NULL);
UPDATE lists SET n = 2 WHERE id = 2;
UPDATE lists SET n = 2 WHERE id = 1;
INSERT INTO edges VALUES
  (11, 'infinity', 'infinity', 'infinity', NULL, 1, 'Infinity'), (12, '-infinity', '-infinity', '-infinity', NULL, 1, 'NaN'),
  (13, '0044-03-15 BC', '0044-03-15 10:00:00 BC', '0044-03-15 10:00:00+00 BC', 1, 1, -0.0),
  (14, '1000-02-28', '1000-02-28 10:00:00', '1000-02-28 10:00:00+00', 1e30, 1, 1e300),
  (15, '12024-02-28', '12024-02-28 10:00:00', '12024-02-28 10:00:00+00', 1e-30, 1, 1e-300);
INSERT INTO edges (id, m) VALUES (16, 'NaN');
INSERT INTO edges (id, n) VALUES (17, 'NaN');
BEGIN;
INSERT INTO emptied VALUES (1, 1), (2, 2), (3, 3);
UPDATE emptied SET n = 22 WHERE id = 2;
TRUNCATE emptied;
INSERT INTO emptied VALUES (2, 4);
COMMIT;
SELECT pg_logical_emit_message(true, 'said', 'a message');
