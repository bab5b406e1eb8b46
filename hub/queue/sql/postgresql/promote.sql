-- Open up to :limit rows whose time has come. A first schedule arrives now, in the order of the times (its seq is new);
-- a retry keeps its place. Answers the queues concerned, one row each, with how many. Plan: qj_due.
WITH due AS MATERIALIZED (
    SELECT id, statusid IN (0, 7) AS first, scheduledat, seq FROM queue_jobs
    WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7) AND scheduledat <= now()
    ORDER BY scheduledat LIMIT :limit::int FOR UPDATE SKIP LOCKED
), placed AS MATERIALIZED (
    SELECT id, first, CASE WHEN first THEN nextval(pg_get_serial_sequence('queue_jobs', 'seq')) END AS place
    FROM (SELECT * FROM due ORDER BY scheduledat, seq) in_order
), opened AS (
    UPDATE queue_jobs j SET gate = 3, statusid = CASE WHEN p.first THEN 1 ELSE j.statusid END,
        seq = COALESCE(p.place, j.seq)
    FROM placed p WHERE j.id = p.id AND j.id = ANY (ARRAY(SELECT id FROM due))
    RETURNING j.queue
)
SELECT COALESCE(queue, '') AS queue, count(*) AS n FROM opened GROUP BY 1
