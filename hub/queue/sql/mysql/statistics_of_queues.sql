-- Per queue: rows that may run now, rows that wait for their time or their key, rows that run, and the age of what has
-- waited longest. Each count ends at :most. Rows that name no queue stand under 'default'.
-- Plan: qj_claim (loosely, one probe per queue and priority, for the ages), qj_due, qj_key, qj_lease.
SELECT COALESCE(NULLIF(queue, ''), 'default') AS queue, CAST(SUM(ready) AS SIGNED) AS ready,
       CAST(SUM(waiting) AS SIGNED) AS waiting, CAST(SUM(processing) AS SIGNED) AS processing,
       GREATEST(0, TIMESTAMPDIFF(MICROSECOND, MIN(since), UTC_TIMESTAMP(6))) / 1e6 AS oldest_seconds
FROM (
    SELECT q.queue, IF(
               (SELECT 1 FROM queue_jobs e FORCE INDEX (qj_claim) WHERE e.openqueue = q.queue LIMIT 1 OFFSET :most) IS NULL,
               (SELECT COUNT(*) FROM queue_jobs e FORCE INDEX (qj_claim) WHERE e.openqueue = q.queue), :most) AS ready,
           0 AS waiting, 0 AS processing, NULL AS since
    FROM (SELECT openqueue AS queue FROM queue_jobs FORCE INDEX (qj_claim) WHERE openqueue >= '' GROUP BY openqueue) q
    UNION ALL
    SELECT j.openqueue, 0, 0, 0, j.createdon
    FROM (SELECT MIN(seq) AS seq FROM queue_jobs FORCE INDEX (qj_claim) WHERE openqueue >= ''
          GROUP BY openqueue, priority LIMIT 1000) head
    JOIN queue_jobs j ON j.seq = head.seq
    UNION ALL
    SELECT queue, 0, COUNT(*), 0, NULL FROM (
        SELECT queue FROM queue_jobs FORCE INDEX (qj_due) WHERE dueat IS NOT NULL AND active LIMIT :most
    ) scheduled GROUP BY queue
    UNION ALL
    SELECT queue, 0, COUNT(*), 0, NULL FROM (
        SELECT queue FROM queue_jobs FORCE INDEX (qj_key) WHERE livekey IS NOT NULL AND gate = 1 LIMIT :most
    ) parked GROUP BY queue
    UNION ALL
    SELECT queue, 0, 0, COUNT(*), NULL FROM (
        SELECT queue FROM queue_jobs FORCE INDEX (qj_lease) WHERE leaseends IS NOT NULL LIMIT :most
    ) running GROUP BY queue
) part GROUP BY COALESCE(NULLIF(queue, ''), 'default')
