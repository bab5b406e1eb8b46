-- Per queue: rows that may run now, rows that wait for their time or their key, rows that run, and the age of what has
-- waited longest. Each count ends at :most. Rows that name no queue stand under 'default'.
-- Plan: qj_claim (one probe per queue and priority for the ages), qj_due, qj_key, qj_lease, qj_leaseless.
WITH RECURSIVE head (queue, priority, createdon, n) AS (
    (SELECT COALESCE(queue, ''), priority, createdon, 1 FROM queue_jobs
     WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
     ORDER BY COALESCE(queue, ''), priority DESC, seq LIMIT 1)
    UNION ALL
    SELECT f.queue, f.priority, f.createdon, h.n + 1 FROM head h CROSS JOIN LATERAL (
        SELECT * FROM (
            (SELECT 0 AS step, COALESCE(queue, '') AS queue, priority, createdon FROM queue_jobs
             WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
               AND COALESCE(queue, '') = h.queue AND priority < h.priority
             ORDER BY priority DESC, seq LIMIT 1)
            UNION ALL
            (SELECT 1, COALESCE(queue, ''), priority, createdon FROM queue_jobs
             WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
               AND COALESCE(queue, '') > h.queue
             ORDER BY COALESCE(queue, ''), priority DESC, seq LIMIT 1)
        ) either ORDER BY step LIMIT 1
    ) f WHERE h.n < 1000
), part (queue, ready, waiting, processing, since) AS (
    SELECT q.queue, c.n, 0, 0, q.since
    FROM (SELECT queue, min(createdon) AS since FROM head GROUP BY queue) q CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (
            SELECT 1 FROM queue_jobs
            WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
              AND COALESCE(queue, '') = q.queue LIMIT :most::int
        ) counted
    ) c
    UNION ALL
    SELECT queue, 0, count(*), 0, NULL FROM (
        SELECT queue FROM queue_jobs
        WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7) AND active LIMIT :most::int
    ) scheduled GROUP BY 1
    UNION ALL
    SELECT queue, 0, count(*), 0, NULL FROM (
        SELECT queue FROM queue_jobs
        WHERE orderingkey IS NOT NULL
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
          AND gate = 1 LIMIT :most::int
    ) parked GROUP BY 1
    UNION ALL
    SELECT queue, 0, 0, count(*), NULL FROM (
        (SELECT queue FROM queue_jobs WHERE leaseuntil IS NOT NULL AND statusid = 2 LIMIT :most::int)
        UNION ALL
        (SELECT queue FROM queue_jobs WHERE statusid = 2 AND leaseuntil IS NULL LIMIT :most::int)
    ) running GROUP BY 1
)
SELECT COALESCE(NULLIF(queue, ''), 'default') AS queue, sum(ready)::bigint AS ready, sum(waiting)::bigint AS waiting,
       sum(processing)::bigint AS processing,
       EXTRACT(EPOCH FROM clock_timestamp() - min(since))::float8 AS oldest_seconds
FROM part GROUP BY 1
