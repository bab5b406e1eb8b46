-- Take up to :limit runnable rows of a queue ('' = rows that name none), priority first, then arrival.
--
-- Rows without an ordering key are simply taken. Of a key only its first live row is taken, and holds the key's slot
-- until its end; any other row of the key met on the way is parked (gate 1) until the release after a finish opens it.
-- One writer has the file: nothing can change between the look and the write, and one job of a key at a time is enough.
-- :ceiling leaves out what is above it, for a claim that begins with what has aged (hub/queue/ageing.py).
-- Plan: qj_claim (queue, priority, seq), then the rowid.
WITH candidate AS MATERIALIZED (
    SELECT seq, orderingkey AS k, handler FROM queue_jobs
    WHERE COALESCE(queue, '') = :queue AND priority <= :ceiling
      AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
    ORDER BY priority DESC, seq LIMIT :limit
), handler_queue AS MATERIALIZED (
    SELECT key AS handler, value AS queue FROM json_each(:queues)
), handler_retries AS MATERIALIZED (
    SELECT key AS handler, value AS retries FROM json_each(:retries)
), verdict AS MATERIALIZED (
    SELECT c.seq, c.k, q.queue, r.retries,
           c.k IS NULL OR c.seq = (
               SELECT e.seq FROM queue_jobs e
               WHERE e.orderingkey = c.k AND e.orderingkey IS NOT NULL
                 AND (e.statusid = 2 OR e.active AND (e.statusid IN (1, 5) OR e.statusid = 0 AND e.scheduledat IS NULL))
               ORDER BY e.seq LIMIT 1
           ) AND NOT EXISTS (SELECT 1 FROM queue_jobs s WHERE s.keyslot = c.k AND s.keyslot IS NOT NULL) AS take
    FROM candidate c
    LEFT JOIN handler_queue q ON q.handler = c.handler
    LEFT JOIN handler_retries r ON r.handler = c.handler
)
UPDATE queue_jobs SET
    statusid = CASE WHEN v.take THEN 2 ELSE statusid END,
    gate = CASE WHEN v.take THEN 0 ELSE 1 END,
    fence = fence + v.take,
    keyslot = CASE WHEN v.take THEN v.k END,
    queue = COALESCE(queue_jobs.queue, v.queue, 'default'),
    maxretries = COALESCE(maxretries, v.retries, :max_retries),
    leaseowner = CASE WHEN v.take THEN :owner ELSE leaseowner END,
    leaseuntil = CASE WHEN v.take THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now', :lease || ' seconds') END,
    startedat = CASE WHEN v.take THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') ELSE startedat END,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    rowversionstamp = rowversionstamp + 1
FROM verdict v
WHERE queue_jobs.seq = v.seq
RETURNING statusid = 2 AS take, seq,
    id, fence, handler, CASE WHEN statusid = 2 THEN payload END AS payload, contenttype, payloadencoding, queue,
    priority, maxretries, retrycount, crashcount, attemptbase, orderingkey, timeout, metadata, typeid,
    protocol, direction, method, parentjobid, traceparent,
    COALESCE((julianday('now') - julianday(unknownsince)) * 86400.0, 0.0) AS unknownfor
