-- What happened on each day, from the events of the outbox.
SELECT
  CAST(happened AS DATE) AS day,
  count(*) FILTER (WHERE type = 'OrderPlaced') AS placed,
  count(*) FILTER (WHERE type = 'OrderCancelled') AS cancelled
FROM order_events
GROUP BY day
