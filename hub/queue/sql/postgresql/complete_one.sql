-- columns: id, fence, result, executionid, duration, attempt, executedby, history_input
-- The last statement of a job's own transaction. A lost fence divides by zero, so that a COMMIT sent in the same trip
-- is not run.
WITH done AS (
    UPDATE queue_jobs SET statusid = 3, result = :result::text, completedat = clock_timestamp(), lasterror = NULL,
        leaseuntil = NULL, keyslot = NULL, unknownsince = NULL, cancelrequested = FALSE, modifiedon = clock_timestamp(),
        rowversionstamp = rowversionstamp + 1
    WHERE id = :id::text AND fence = :fence::bigint AND statusid = 2
    RETURNING id, completedat, CASE WHEN :history_input::int > 0 THEN left(payload, :history_input::int) END AS inputdata
), history AS (
    INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, retryattempt,
                               executedby, inputdata, outputdata)
    SELECT :executionid::text, id, :executionid::text, 3, completedat - :duration::bigint * interval '1 ms', completedat,
           :duration::bigint, 'Success', :attempt::int, :executedby::text, inputdata, :result::text FROM done
    RETURNING 1
)
SELECT 1 / count(*) FROM history
