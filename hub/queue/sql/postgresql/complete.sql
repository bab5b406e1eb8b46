-- columns: id, fence, result, executionid, duration, attempt
-- Complete a batch of jobs whose handlers touched no SQL, each behind its fence, with their history rows.
-- Answers the ids that were completed; the others had lost their lease. Plan: primary key.
WITH v AS (
    SELECT * FROM unnest(:id::text[], :fence::bigint[], :result::text[], :executionid::text[], :duration::bigint[],
                         :attempt::int[])
        AS v (id, fence, result, executionid, duration, attempt)
), done AS (
    UPDATE queue_jobs j SET statusid = 3, result = v.result, completedat = clock_timestamp(), lasterror = NULL,
        leaseuntil = NULL, keyslot = NULL, unknownsince = NULL, cancelrequested = FALSE, modifiedon = clock_timestamp(),
        rowversionstamp = j.rowversionstamp + 1
    FROM v WHERE j.id = ANY (ARRAY[v.id]) AND j.fence = v.fence AND j.statusid = 2
    RETURNING j.id, j.completedat, v.result, v.executionid, v.duration, v.attempt,
        CASE WHEN :history_input::int > 0 THEN left(j.payload, :history_input::int) END AS inputdata
), history AS (
    INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, retryattempt,
                               executedby, inputdata, outputdata)
    SELECT executionid, id, executionid, 3, completedat - duration * interval '1 ms', completedat, duration, 'Success',
           attempt, :executedby::text, inputdata, result FROM done
)
SELECT id FROM done
