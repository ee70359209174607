-- What both tables get, by the name :table; after a restart that repeats the changes before
UPDATE :table SET i4 = 4242, ints = ints || 77 WHERE id = 6;
UPDATE :table SET id = 106 WHERE id = 6;
UPDATE :table SET f8 = 2.5 WHERE id = 106;
INSERT INTO :table (id, region, i4) VALUES (5, 'north', 55);
UPDATE :table SET note = 'last' WHERE id = 2;
DELETE FROM :table WHERE id = 7;
