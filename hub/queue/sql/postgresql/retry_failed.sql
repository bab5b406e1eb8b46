-- Give up to :limit dead letters one of the retries they have left, if what failed them was passing (or nobody said
-- what: statusid set by hand). Not of unique ones, as another may have come meanwhile. Answers those that were queued, with their queues, which are woken everywhere.
-- Plan: qj_dead, then the primary key, jh_job.
WITH failed AS MATERIALIZED (
    SELECT j.id, 1 + (SELECT max(h.retryattempt) FROM job_histories h WHERE h.jobid = j.id) AS attempts
    FROM queue_jobs j
    WHERE j.statusid = 4 AND j.active AND (j.failure = 'transient' OR j.failure IS NULL)
      AND j.uniquekey IS NULL AND j.retrycount < COALESCE(j.maxretries, :max_retries::int)
    ORDER BY j.seq LIMIT :limit::int FOR UPDATE OF j SKIP LOCKED
), queued AS (
    UPDATE queue_jobs j SET
        statusid = 1, gate = 3, scheduledat = NULL, completedat = NULL,
        attemptbase = COALESCE(f.attempts, 0) - j.retrycount - 1 - j.crashcount,
        priority = GREATEST(j.priority, -2147483647) - 1, retrycount = j.retrycount + 1,
        failure = NULL, unknownsince = NULL, cancelrequested = FALSE,
        modifiedon = clock_timestamp(), rowversionstamp = j.rowversionstamp + 1
    FROM failed f WHERE j.id = ANY (ARRAY[f.id])
    RETURNING j.id, COALESCE(j.queue, '') AS queue
), told AS (
    SELECT pg_notify('hub_jobs', queue) FROM (SELECT DISTINCT queue FROM queued) woken
)
SELECT id, queue, (SELECT count(*) FROM told) AS told FROM queued
