-- The queues that have something to run ('' = rows that name none): one index probe a queue. Plan: qj_claim.
WITH RECURSIVE q (queue) AS (
    SELECT * FROM (
        SELECT COALESCE(queue, '') FROM queue_jobs
        WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
        ORDER BY COALESCE(queue, '') LIMIT 1)
    UNION ALL
    SELECT (SELECT COALESCE(j.queue, '') FROM queue_jobs j
            WHERE j.active AND j.statusid IN (0, 1, 5, 7) AND (j.gate = 3 OR j.gate = 0 AND j.scheduledat IS NULL)
              AND COALESCE(j.queue, '') > q.queue ORDER BY COALESCE(j.queue, '') LIMIT 1)
    FROM q WHERE q.queue IS NOT NULL
)
SELECT queue FROM q WHERE queue IS NOT NULL
