-- columns: id
-- A quarantined message goes through the routes again, as they are now.
-- Queue Failed and Cancelled jobs again as if they were new: all retries, the first priority; attempts are counted on.
-- One whose unique key another has taken, or has first in this batch, stays as it is.
-- Answers those that were, with their queues, which are woken everywhere. Plan: primary key, jh_job.
WITH ended AS MATERIALIZED (
    SELECT j.id, 1 + (SELECT max(h.retryattempt) FROM job_histories h WHERE h.jobid = j.id) AS attempts
    FROM queue_jobs j WHERE j.id = ANY (:id::text[]) AND j.statusid IN (4, 6) AND j.active
      AND (j.uniquekey IS NULL OR NOT EXISTS (
               SELECT 1 FROM queue_jobs o WHERE o.handler = j.handler AND o.uniquekey = j.uniquekey
               AND o.uniquekey IS NOT NULL AND o.statusid IN (0, 1, 2, 5, 7))
           AND NOT EXISTS (
               SELECT 1 FROM queue_jobs o WHERE o.id = ANY (:id::text[]) AND o.id < j.id AND o.statusid IN (4, 6)
               AND o.active AND o.handler = j.handler AND o.uniquekey = j.uniquekey))
    ORDER BY j.id FOR UPDATE OF j
), queued AS (
    UPDATE queue_jobs j SET
        statusid = 1, gate = 3, scheduledat = NULL,
        handler = CASE WHEN j.failure = 'quarantined' THEN 'system.ingest' ELSE j.handler END,
        startedat = NULL, completedat = NULL,
        attemptbase = COALESCE(e.attempts, 0), priority = LEAST(j.priority::bigint + j.retrycount, 2147483647),
        retrycount = 0, crashcount = 0,
        failure = NULL, unknownsince = NULL, cancelrequested = FALSE, progress = NULL, progressnote = NULL,
        modifiedon = clock_timestamp(), modifiedby = :actor::text, rowversionstamp = j.rowversionstamp + 1
    FROM ended e WHERE j.id = ANY (ARRAY[e.id])
    RETURNING j.id, COALESCE(j.queue, '') AS queue
), told AS (
    SELECT pg_notify('hub_jobs', queue) FROM (SELECT DISTINCT queue FROM queued) woken
)
SELECT id, queue, (SELECT count(*) FROM told) AS told FROM queued
