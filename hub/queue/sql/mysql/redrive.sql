-- columns: id
-- A quarantined message goes through the routes again, as they are now.
-- Queue Failed and Cancelled jobs again as if they were new: all retries, the first priority; attempts are counted on.
-- One whose unique key another has taken, or has first in this batch, stays as it is.
-- Answers those that were, with their queues. An UPDATE sees what it has assigned already. Plan: qj_id, jh_job.
SELECT j.seq FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE j.statusid IN (4, 6) AND j.active
  AND (j.uniquekey IS NULL OR NOT EXISTS (
           SELECT 1 FROM queue_jobs o FORCE INDEX (qj_unique)
           WHERE o.uniqueslot = CAST(CONCAT(j.handler, '\n', j.uniquekey) AS BINARY))
       AND NOT EXISTS (
           SELECT 1 FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
               id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) w
           STRAIGHT_JOIN queue_jobs o FORCE INDEX (qj_id) ON o.id = w.id
           WHERE o.id < j.id AND o.statusid IN (4, 6) AND o.active AND o.handler = j.handler
             AND o.uniquekey = j.uniquekey))
FOR UPDATE /*!80000 OF j */
----
UPDATE queue_jobs FORCE INDEX (PRIMARY) SET
    statusid = 1, gate = 3, scheduledat = NULL,
    handler = CASE WHEN failure = 'quarantined' THEN 'system.ingest' ELSE handler END,
    startedat = NULL, completedat = NULL,
    attemptbase = COALESCE(1 + (SELECT MAX(h.retryattempt) FROM job_histories h WHERE h.jobid = queue_jobs.id), 0),
    priority = LEAST(priority + retrycount, 2147483647), retrycount = 0, crashcount = 0,
    failure = NULL, unknownsince = NULL, cancelrequested = FALSE, progress = NULL, progressnote = NULL,
    modifiedon = UTC_TIMESTAMP(6), modifiedby = :actor, rowversionstamp = rowversionstamp + 1
WHERE seq IN :found
----
SELECT id, COALESCE(queue, '') AS queue, 0 AS told FROM queue_jobs FORCE INDEX (PRIMARY) WHERE seq IN :found
