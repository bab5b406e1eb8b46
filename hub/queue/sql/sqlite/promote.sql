-- Open up to :limit rows whose time has come. A first schedule arrives now, in the order of the times (its seq is new);
-- a retry keeps its place. Answers a queue and 1 for each. Plan: qj_due.
WITH due AS MATERIALIZED (
    SELECT seq, statusid IN (0, 7) AS first, row_number() OVER (ORDER BY scheduledat, seq) AS place FROM (
        SELECT seq, statusid, scheduledat FROM queue_jobs
        WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7)
          AND scheduledat <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        ORDER BY scheduledat LIMIT :limit)
), last AS MATERIALIZED (
    SELECT max(seq) AS seq FROM queue_jobs
)
UPDATE queue_jobs SET gate = 3, statusid = CASE WHEN due.first THEN 1 ELSE statusid END,
    seq = CASE WHEN due.first THEN last.seq + due.place ELSE queue_jobs.seq END
FROM due, last WHERE queue_jobs.seq = due.seq
RETURNING COALESCE(queue, '') AS queue, 1 AS n
