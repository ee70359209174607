-- Two tables of all types, one for each replica identity. What is larger than a few bytes lies aside (TOAST), so that
-- an update that leaves it alone does not send it.
CREATE TYPE mood AS ENUM ('calm', 'wild');

CREATE TABLE by_key (
  id bigint, region text,
  b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision,
  n numeric(12,2), big numeric(38,10), free numeric,
  t text, vc varchar(40), ch char(5), u uuid, e mood, note text DEFAULT 'none',
  d date, tm time, tm0 time(0), ts timestamp, ts3 timestamp(3), tz timestamptz, iv interval,
  bytes bytea, j json, jb jsonb,
  ints integer[], longs bigint[], texts text[], dates date[], doubles double precision[], decimals numeric(10,2)[],
  large text,
  PRIMARY KEY (id, region)
);
ALTER TABLE by_key
  ALTER bytes SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL, ALTER jb SET STORAGE EXTERNAL,
  ALTER ints SET STORAGE EXTERNAL, ALTER longs SET STORAGE EXTERNAL, ALTER texts SET STORAGE EXTERNAL,
  ALTER dates SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL, ALTER large SET STORAGE EXTERNAL,
  ALTER doubles SET STORAGE PLAIN, ALTER decimals SET STORAGE PLAIN,
  ALTER region SET STORAGE PLAIN,
  SET (toast_tuple_target = 128);
CREATE TABLE by_row (LIKE by_key INCLUDING ALL);
ALTER TABLE by_row REPLICA IDENTITY FULL, SET (toast_tuple_target = 128);

-- lists that Debezium has no placeholder for
CREATE TABLE lists (id integer PRIMARY KEY, n integer, doubles double precision[]);
ALTER TABLE lists ALTER doubles SET STORAGE EXTERNAL;

-- values at the edges of their types
CREATE TABLE edges (id integer PRIMARY KEY, d date, ts timestamp, tz timestamptz, n numeric, m numeric(10,2), f8 double precision);
CREATE TABLE emptied (id integer PRIMARY KEY, n integer);

CREATE PUBLICATION captured FOR TABLE by_key, by_row, lists, edges, emptied WITH (publish = 'insert, update, delete, truncate');
