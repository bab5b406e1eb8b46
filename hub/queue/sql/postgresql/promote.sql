-- Open up to :limit rows whose time has come. A first schedule arrives now (its seq is new); a retry keeps its place.
-- Answers the queues concerned, one row each, with how many. Plan: qj_due.
WITH due AS MATERIALIZED (
    SELECT id FROM queue_jobs
    WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7) AND scheduledat <= now()
    ORDER BY scheduledat LIMIT :limit::int FOR UPDATE SKIP LOCKED
), opened AS (
    UPDATE queue_jobs j SET gate = 3, statusid = CASE WHEN statusid = 7 THEN 1 ELSE statusid END,
        seq = CASE WHEN statusid = 7 THEN nextval(pg_get_serial_sequence('queue_jobs', 'seq')) ELSE seq END
    WHERE j.id = ANY (ARRAY(SELECT id FROM due))
    RETURNING j.queue
)
SELECT COALESCE(queue, '') AS queue, count(*) AS n FROM opened GROUP BY 1
