-- Seconds until the next scheduled row is due, NULL if none waits. Plan: the first entry of qj_due.
SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), (
    SELECT dueat FROM queue_jobs FORCE INDEX (qj_due) WHERE dueat IS NOT NULL ORDER BY dueat LIMIT 1
)) / 1e6 AS seconds
