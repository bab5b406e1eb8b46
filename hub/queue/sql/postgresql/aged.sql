-- The priorities that have something open in a queue, the highest first: the place before the first row of each, and for
-- how long (seconds) that row has waited since it could run. Plan: qj_claim, one step a priority.
WITH RECURSIVE head AS (
    (SELECT priority, seq, createdon, scheduledat FROM queue_jobs
     WHERE COALESCE(queue, '') = :queue::text
       AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
     ORDER BY priority DESC, seq LIMIT 1)
    UNION ALL
    SELECT next.* FROM head CROSS JOIN LATERAL (
        SELECT priority, seq, createdon, scheduledat FROM queue_jobs
        WHERE COALESCE(queue, '') = :queue::text AND priority < head.priority
          AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
        ORDER BY priority DESC, seq LIMIT 1
    ) next
)
SELECT priority, seq - 1, EXTRACT(EPOCH FROM clock_timestamp() - GREATEST(createdon, scheduledat))::float8 FROM head
