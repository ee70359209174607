-- What both tables get, by the name :table; while it is streamed
UPDATE :table SET i4 = -1, n = -0.05, big = -0.0000000001, free = 0.001, b = NOT b WHERE id = 1;
UPDATE :table SET note = NULL, ts = NULL, t = NULL WHERE id = 2;
UPDATE :table SET id = 103 WHERE id = 3;
UPDATE :table SET region = 'so"uth, id=9', large = 'small now' WHERE id = 4;
DELETE FROM :table WHERE id = 5;
BEGIN;
UPDATE :table SET i2 = 1 WHERE id = 6;
UPDATE :table SET i2 = 2, j = '{"changed": [1, 2.50]}' WHERE id = 6;
UPDATE :table SET i2 = 3 WHERE id = 6;
COMMIT;
BEGIN;
DELETE FROM :table WHERE id = 1;
ROLLBACK;
INSERT INTO :table (id, region, i8, n, t, d, tm, tm0, ts, ts3, tz, iv, bytes, ints, texts, e)
VALUES (8, 'east', -9223372036854775808, 9999999999.99, '', '1582-10-04', '23:59:59.999999', '00:00:00', '1969-12-31 23:59:59.999999', '1900-01-01 00:00:00.001',
  '1969-12-31 23:59:59.999999+00', '-1 mon -2 days -00:00:01.25', '', '{}', ARRAY[NULL, '', 'null'], 'wild');
UPDATE :table SET id = 203 WHERE id = 103;
DELETE FROM :table WHERE id = 203;
INSERT INTO :table (id, region, i4) VALUES (203, 'north', 2);
INSERT INTO :table (id, region, i4, tm) VALUES (9, 'west', 9, '24:00:00');
DELETE FROM :table WHERE id = 9;
UPDATE :table SET f4 = 'NaN', f8 = '-Infinity' WHERE id = 8;
