-- Per queue: rows that may run now, rows that wait for their time or their key, rows that run, and the age of what has
-- waited longest. Each count ends at :most. Rows that name no queue stand under 'default'.
-- Plan: qj_claim (one probe per queue and priority for the ages), qj_due, qj_key, qj_lease, qj_leaseless.
WITH RECURSIVE head (seq, n) AS (
    SELECT * FROM (
        SELECT seq, 1 FROM queue_jobs
        WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
        ORDER BY COALESCE(queue, ''), priority DESC, seq LIMIT 1)
    UNION ALL
    SELECT COALESCE(
        (SELECT e.seq FROM queue_jobs e
         WHERE e.active AND e.statusid IN (0, 1, 5, 7) AND (e.gate = 3 OR e.gate = 0 AND e.scheduledat IS NULL)
           AND COALESCE(e.queue, '') = COALESCE(j.queue, '') AND e.priority < j.priority
         ORDER BY e.priority DESC, e.seq LIMIT 1),
        (SELECT e.seq FROM queue_jobs e
         WHERE e.active AND e.statusid IN (0, 1, 5, 7) AND (e.gate = 3 OR e.gate = 0 AND e.scheduledat IS NULL)
           AND COALESCE(e.queue, '') > COALESCE(j.queue, '')
         ORDER BY COALESCE(e.queue, ''), e.priority DESC, e.seq LIMIT 1)
    ), n + 1 FROM head CROSS JOIN queue_jobs j ON j.seq = head.seq WHERE n < 1000
), oldest AS MATERIALIZED (
    SELECT COALESCE(j.queue, '') AS queue, min(j.createdon) AS since
    FROM head CROSS JOIN queue_jobs j ON j.seq = head.seq GROUP BY 1
), part (queue, ready, waiting, processing, since) AS (
    SELECT q.queue, (
        SELECT count(*) FROM (
            SELECT 1 FROM queue_jobs e
            WHERE e.active AND e.statusid IN (0, 1, 5, 7) AND (e.gate = 3 OR e.gate = 0 AND e.scheduledat IS NULL)
              AND COALESCE(e.queue, '') = q.queue LIMIT :most
        )
    ), 0, 0, q.since FROM oldest q
    UNION ALL
    SELECT queue, 0, count(*), 0, NULL FROM (
        SELECT queue FROM queue_jobs
        WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7) AND active LIMIT :most
    ) GROUP BY 1
    UNION ALL
    SELECT queue, 0, count(*), 0, NULL FROM (
        SELECT queue FROM queue_jobs
        WHERE orderingkey IS NOT NULL
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
          AND gate = 1 LIMIT :most
    ) GROUP BY 1
    UNION ALL
    SELECT queue, 0, 0, count(*), NULL FROM (
        SELECT * FROM (SELECT queue FROM queue_jobs WHERE leaseuntil IS NOT NULL AND statusid = 2 LIMIT :most)
        UNION ALL
        SELECT * FROM (SELECT queue FROM queue_jobs WHERE statusid = 2 AND leaseuntil IS NULL LIMIT :most)
    ) GROUP BY 1
)
SELECT COALESCE(NULLIF(queue, ''), 'default') AS queue, sum(ready) AS ready, sum(waiting) AS waiting,
       sum(processing) AS processing, (julianday('now') - julianday(min(since))) * 86400.0 AS oldest_seconds
FROM part GROUP BY 1
