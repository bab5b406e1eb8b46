-- Take back up to :limit jobs whose lease has expired, or that are Processing without one: queued again, or Failed as
-- poison past :max_crashes (hub.transitions.after_crash), or Cancelled if that was asked for; each leaves a history row.
-- :owner is not looked at here: leases tell who is alive. A zombie that holds a row's lock is skipped. An UPDATE sees
-- what it has assigned already, so that counts and flags come last. Plan: qj_lease, then the primary key.
SELECT seq FROM queue_jobs FORCE INDEX (qj_lease) WHERE leaseends < UTC_TIMESTAMP(6)
ORDER BY leaseends LIMIT :limit FOR UPDATE SKIP LOCKED
----
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt, executedby)
SELECT id, IF(cancelrequested, 6, 4), COALESCE(startedat, UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6),
       GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, startedat, UTC_TIMESTAMP(6)) DIV 1000, 0)),
       CONCAT('lease expired (worker ', COALESCE(leaseowner, 'unknown'), ')'),
       CONCAT('lease expired (worker ', COALESCE(leaseowner, 'unknown'), ')',
              IF(cancelrequested, COALESCE(CONCAT('; to be cancelled: ', lasterror), ''), '')),
       attemptbase + retrycount + crashcount, leaseowner
FROM queue_jobs FORCE INDEX (PRIMARY) WHERE seq IN :found
----
UPDATE queue_jobs FORCE INDEX (PRIMARY) SET
    statusid = CASE WHEN cancelrequested THEN 6 WHEN crashcount + 1 > :max_crashes THEN 4 ELSE 1 END,
    failure = IF(NOT cancelrequested AND crashcount + 1 > :max_crashes, 'poison', NULL),
    completedat = IF(cancelrequested OR crashcount + 1 > :max_crashes, UTC_TIMESTAMP(6), NULL),
    lasterror = CONCAT('lease expired (worker ', COALESCE(leaseowner, 'unknown'), ')',
                       IF(cancelrequested, COALESCE(CONCAT('; to be cancelled: ', lasterror), ''), '')),
    crashcount = crashcount + 1, fence = fence + 1, gate = 3, leaseuntil = NULL, keyslot = NULL,
    cancelrequested = FALSE, modifiedon = UTC_TIMESTAMP(6), rowversionstamp = rowversionstamp + 1
WHERE seq IN :found
----
SELECT id, statusid, COALESCE(queue, '') AS queue, orderingkey, leaseowner
FROM queue_jobs FORCE INDEX (PRIMARY) WHERE seq IN :found
