-- columns: id, fence, result, executionid, duration, attempt, executedby, history_input
-- The last of a job's own transaction: the COMMIT is run only if the first text changed its row. Plan: qj_id.
UPDATE queue_jobs SET statusid = 3, result = :result, completedat = UTC_TIMESTAMP(6), lasterror = NULL,
    leaseuntil = NULL, keyslot = NULL, unknownsince = NULL, cancelrequested = FALSE, modifiedon = UTC_TIMESTAMP(6),
    rowversionstamp = rowversionstamp + 1
WHERE id = :id AND fence = :fence AND statusid = 2
----
INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, retryattempt,
                           executedby, inputdata, outputdata)
SELECT :executionid, id, :executionid, 3, completedat - INTERVAL :duration * 1000 MICROSECOND, completedat, :duration,
       'Success', :attempt, :executedby, IF(:history_input > 0, LEFT(payload, :history_input), NULL), :result
FROM queue_jobs WHERE id = :id
