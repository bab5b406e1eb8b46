-- The priorities that have something open in a queue, the highest first: the place before the first row of each, and for
-- how long (seconds) that row has waited since it could run. Plan: qj_claim, one step a priority, then the primary key.
WITH RECURSIVE head AS (
    SELECT (SELECT priority FROM queue_jobs FORCE INDEX (qj_claim)
            WHERE openqueue = :queue ORDER BY priority DESC, seq LIMIT 1) AS priority
    UNION ALL
    SELECT (SELECT j.priority FROM queue_jobs j FORCE INDEX (qj_claim)
            WHERE j.openqueue = :queue AND j.priority < head.priority ORDER BY j.priority DESC, j.seq LIMIT 1)
    FROM head WHERE head.priority IS NOT NULL
), place AS (
    SELECT h.priority, (SELECT j.seq FROM queue_jobs j FORCE INDEX (qj_claim)
                        WHERE j.openqueue = :queue AND j.priority = h.priority ORDER BY j.seq LIMIT 1) AS seq
    FROM head h WHERE h.priority IS NOT NULL
)
SELECT p.priority, p.seq - 1 AS place,
    TIMESTAMPDIFF(MICROSECOND, GREATEST(j.createdon, COALESCE(j.scheduledat, j.createdon)), UTC_TIMESTAMP(6)) / 1e6 AS waited
FROM place p STRAIGHT_JOIN queue_jobs j FORCE INDEX (PRIMARY) ON j.seq = p.seq
ORDER BY p.priority DESC
