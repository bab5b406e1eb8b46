-- Cancel a job: one that waits is Cancelled at once (with a history row), one that runs is asked to stop; the
-- reason stands in lasterror until then. Answers nothing if there is no such job or it has ended already. An UPDATE
-- sees what it has assigned: the status comes last.
-- Plan: qj_id.
SELECT seq FROM queue_jobs WHERE id = :id AND statusid IN (0, 1, 2, 5, 7) FOR UPDATE
----
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt, executedby)
SELECT id, 6, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 0, :reason, :reason, attemptbase + retrycount + crashcount, :actor
FROM queue_jobs WHERE seq IN :found AND statusid <> 2
----
UPDATE queue_jobs SET
    cancelrequested = statusid = 2,
    lasterror = :reason,
    completedat = IF(statusid = 2, completedat, UTC_TIMESTAMP(6)),
    modifiedon = UTC_TIMESTAMP(6), modifiedby = :actor, rowversionstamp = rowversionstamp + 1,
    statusid = IF(statusid = 2, 2, 6)
WHERE seq IN :found
----
SELECT id, statusid, orderingkey, 0 AS told FROM queue_jobs WHERE seq IN :found
