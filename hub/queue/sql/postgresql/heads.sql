-- The priorities that have something open in a queue, the highest first, each with the place before its first row.
-- Plan: qj_claim, one step a priority.
WITH RECURSIVE head AS (
    (SELECT priority, seq FROM queue_jobs
     WHERE COALESCE(queue, '') = :queue::text
       AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
     ORDER BY priority DESC, seq LIMIT 1)
    UNION ALL
    SELECT next.priority, next.seq FROM head CROSS JOIN LATERAL (
        SELECT priority, seq FROM queue_jobs
        WHERE COALESCE(queue, '') = :queue::text AND priority < head.priority
          AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
        ORDER BY priority DESC, seq LIMIT 1
    ) next
)
SELECT priority, seq - 1 FROM head
