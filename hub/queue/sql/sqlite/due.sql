-- Seconds until the next scheduled row is due, NULL if none waits. Plan: the first entry of qj_due.
SELECT (julianday((
    SELECT scheduledat FROM queue_jobs
    WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7) ORDER BY scheduledat LIMIT 1
)) - julianday('now')) * 86400.0 AS seconds
