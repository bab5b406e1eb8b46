-- The priorities that have something open in a queue, the highest first: the place before the first row of each, and for
-- how long (seconds) that row has waited since it could run. Plan: qj_claim, one step a priority, then the rowid.
WITH RECURSIVE head (seq, priority) AS (
    SELECT * FROM (
        SELECT seq, priority FROM queue_jobs
        WHERE COALESCE(queue, '') = :queue
          AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
        ORDER BY priority DESC, seq LIMIT 1)
    UNION ALL
    SELECT n.seq, n.priority FROM head CROSS JOIN queue_jobs n ON n.seq = (
        SELECT j.seq FROM queue_jobs j
        WHERE COALESCE(j.queue, '') = :queue AND j.priority < head.priority
          AND j.active AND j.statusid IN (0, 1, 5, 7) AND (j.gate = 3 OR j.gate = 0 AND j.scheduledat IS NULL)
        ORDER BY j.priority DESC, j.seq LIMIT 1)
)
SELECT head.priority, head.seq - 1 AS place,
    (julianday('now') - julianday(max(j.createdon, COALESCE(j.scheduledat, j.createdon)))) * 86400.0 AS waited
FROM head CROSS JOIN queue_jobs j ON j.seq = head.seq
