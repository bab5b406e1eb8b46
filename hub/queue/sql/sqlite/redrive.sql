-- columns: id
-- A quarantined message goes through the routes again, as they are now.
-- Queue Failed and Cancelled jobs again as if they were new: all retries, the first priority; attempts are counted on.
-- One whose unique key another has taken, or has first in this batch, stays as it is.
-- Answers those that were, with their queues. Plan: the unique index on id, jh_job.
UPDATE queue_jobs SET
    statusid = 1, gate = 3, scheduledat = NULL,
    handler = CASE WHEN failure = 'quarantined' THEN 'system.ingest' ELSE handler END,
    startedat = NULL, completedat = NULL,
    attemptbase = COALESCE(1 + (SELECT max(h.retryattempt) FROM job_histories h WHERE h.jobid = queue_jobs.id), 0),
    priority = MIN(priority + retrycount, 2147483647), retrycount = 0, crashcount = 0,
    failure = NULL, unknownsince = NULL, cancelrequested = FALSE, progress = NULL, progressnote = NULL,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), modifiedby = :actor, rowversionstamp = rowversionstamp + 1
WHERE id IN (SELECT value ->> 0 FROM json_each(:rows)) AND statusid IN (4, 6) AND active
  AND (uniquekey IS NULL OR NOT EXISTS (
           SELECT 1 FROM queue_jobs o WHERE o.handler = queue_jobs.handler AND o.uniquekey = queue_jobs.uniquekey
           AND o.uniquekey IS NOT NULL AND o.statusid IN (0, 1, 2, 5, 7))
       AND NOT EXISTS (
           SELECT 1 FROM json_each(:rows) w CROSS JOIN queue_jobs o
           WHERE o.id = w.value ->> 0 AND o.id < queue_jobs.id AND o.statusid IN (4, 6) AND o.active
             AND o.handler = queue_jobs.handler AND o.uniquekey = queue_jobs.uniquekey))
RETURNING id, COALESCE(queue, '') AS queue, 0 AS told
