-- Open keys whose release was lost (the process died between finish and release): of :limit keys after :after, the
-- first live row if it is still parked. Answers every key looked at in its order, so that the caller goes on from the
-- last, then the queues in which first rows are open. Plan: qj_key.
WITH RECURSIVE keys (k, n) AS (
    SELECT * FROM (
        SELECT orderingkey, 1 FROM queue_jobs
        WHERE orderingkey IS NOT NULL
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
          AND orderingkey > :after ORDER BY orderingkey LIMIT 1)
    UNION ALL
    SELECT (SELECT j.orderingkey FROM queue_jobs j
            WHERE j.orderingkey IS NOT NULL
              AND (j.statusid = 2 OR j.active AND (j.statusid IN (1, 5) OR j.statusid = 0 AND j.scheduledat IS NULL))
              AND j.orderingkey > keys.k ORDER BY j.orderingkey LIMIT 1), n + 1
    FROM keys WHERE keys.k IS NOT NULL AND n < :limit
), first AS MATERIALIZED (
    SELECT (SELECT e.seq FROM queue_jobs e
            WHERE e.orderingkey = keys.k AND e.orderingkey IS NOT NULL
              AND (e.statusid = 2 OR e.active AND (e.statusid IN (1, 5) OR e.statusid = 0 AND e.scheduledat IS NULL))
            ORDER BY e.seq LIMIT 1) AS seq
    FROM keys WHERE keys.k IS NOT NULL
)
UPDATE queue_jobs SET
    gate = CASE WHEN scheduledat > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN 0 ELSE 3 END, fence = fence + 1
WHERE gate = 1 AND statusid IN (0, 1, 5) AND seq IN (SELECT seq FROM first)
----
WITH RECURSIVE keys (k, n) AS (
    SELECT * FROM (
        SELECT orderingkey, 1 FROM queue_jobs
        WHERE orderingkey IS NOT NULL
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
          AND orderingkey > :after ORDER BY orderingkey LIMIT 1)
    UNION ALL
    SELECT (SELECT j.orderingkey FROM queue_jobs j
            WHERE j.orderingkey IS NOT NULL
              AND (j.statusid = 2 OR j.active AND (j.statusid IN (1, 5) OR j.statusid = 0 AND j.scheduledat IS NULL))
              AND j.orderingkey > keys.k ORDER BY j.orderingkey LIMIT 1), n + 1
    FROM keys WHERE keys.k IS NOT NULL AND n < :limit
), first AS MATERIALIZED (
    SELECT (SELECT e.seq FROM queue_jobs e
            WHERE e.orderingkey = keys.k AND e.orderingkey IS NOT NULL
              AND (e.statusid = 2 OR e.active AND (e.statusid IN (1, 5) OR e.statusid = 0 AND e.scheduledat IS NULL))
            ORDER BY e.seq LIMIT 1) AS seq
    FROM keys WHERE keys.k IS NOT NULL
)
SELECT k AS orderingkey, NULL AS queue, n FROM keys WHERE k IS NOT NULL
UNION ALL
SELECT DISTINCT NULL, COALESCE(j.queue, ''), 0 FROM first JOIN queue_jobs j ON j.seq = first.seq
WHERE j.gate = 3 AND j.statusid IN (0, 1, 5)
ORDER BY n
