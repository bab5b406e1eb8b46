-- Open keys whose release was lost (a process died between finish and release): of :limit keys after :after, the
-- first live row if it is still parked. Answers every key looked at in its order, so that the caller goes on from the
-- last, then the queues that have something new. Plan: qj_key.
WITH RECURSIVE keys (k, n) AS (
    (SELECT orderingkey, 1 FROM queue_jobs
     WHERE orderingkey IS NOT NULL
       AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
       AND orderingkey > :after::text ORDER BY orderingkey LIMIT 1)
    UNION ALL
    SELECT (SELECT orderingkey FROM queue_jobs
            WHERE orderingkey IS NOT NULL
              AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
              AND orderingkey > keys.k ORDER BY orderingkey LIMIT 1), n + 1
    FROM keys WHERE keys.k IS NOT NULL AND n < :limit::int
), stuck AS MATERIALIZED (
    SELECT f.id FROM keys CROSS JOIN LATERAL (
        SELECT id, gate, statusid FROM queue_jobs
        WHERE orderingkey = keys.k
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
        ORDER BY seq LIMIT 1
    ) f WHERE keys.k IS NOT NULL AND f.gate = 1 AND f.statusid IN (0, 1, 5)
), opened AS (
    UPDATE queue_jobs SET gate = CASE WHEN scheduledat > clock_timestamp() THEN 0 ELSE 3 END, fence = fence + 1
    WHERE id = ANY (ARRAY(SELECT id FROM stuck)) AND gate = 1 AND statusid IN (0, 1, 5)
    RETURNING queue
)
SELECT k AS orderingkey, NULL AS queue, n FROM keys WHERE k IS NOT NULL
UNION ALL
SELECT DISTINCT NULL, COALESCE(queue, ''), 0 FROM opened
ORDER BY n
