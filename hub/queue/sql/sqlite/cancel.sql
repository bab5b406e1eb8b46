-- Cancel a job: one that waits is Cancelled at once (with a history row), one that runs is asked to stop; the
-- reason stands in lasterror until then. Answers nothing if there is no such job or it has ended already.
-- Plan: the unique index on id.
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt,
                           executedby)
SELECT id, 6, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 0, :reason, :reason,
       attemptbase + retrycount + crashcount, :actor
FROM queue_jobs WHERE id = :id AND statusid IN (0, 1, 5, 7)
----
UPDATE queue_jobs SET
    statusid = CASE WHEN statusid = 2 THEN 2 ELSE 6 END,
    cancelrequested = statusid = 2,
    lasterror = :reason,
    completedat = CASE WHEN statusid = 2 THEN completedat ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), modifiedby = :actor, rowversionstamp = rowversionstamp + 1
WHERE id = :id AND statusid IN (0, 1, 2, 5, 7)
RETURNING id, statusid, orderingkey, 0 AS told
