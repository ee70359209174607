-- What the other tables have before the snapshot
INSERT INTO edges VALUES
  (1, 'infinity', 'infinity', 'infinity', NULL, 1, 'Infinity'), (2, '-infinity', '-infinity', '-infinity', NULL, 1, 'NaN'),
  (3, '0044-03-15 BC', '0044-03-15 10:00:00 BC', '0044-03-15 10:00:00+00 BC', 1, 1, -0.0),
  (4, '1000-02-28', '1000-02-28 10:00:00', '1000-02-28 10:00:00+00', 1e30, 1, 1e300),
  (5, '12024-02-28', '12024-02-28 10:00:00', '12024-02-28 10:00:00+00', 1e-30, 1, 1e-300);
