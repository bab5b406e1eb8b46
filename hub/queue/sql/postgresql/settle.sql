-- columns: id, fence, result, executionid, duration, attempt, statusid, priority, retrycount, delay,
--   lasterror, failure, unknown
-- End a batch of attempts in any way, each behind its fence, with a history row where the attempt counts; a job that
-- would run again though its end was asked for is Cancelled. Without a word of the attempt's own, the reason is what
-- cancel.sql has left in lasterror. Answers the ids that were settled; the others had lost their lease.
-- Plan: primary key.
WITH v AS (
    SELECT * FROM unnest(:id::text[], :fence::bigint[], :result::text[], :executionid::text[], :duration::bigint[],
                         :attempt::int[], :statusid::int[], :priority::int[], :retrycount::int[],
                         :delay::float8[], :lasterror::text[], :failure::text[], :unknown::boolean[])
        AS v (id, fence, result, executionid, duration, attempt, statusid, priority, retrycount, delay,
              lasterror, failure, unknown)
), done AS (
    UPDATE queue_jobs j SET
        statusid = CASE WHEN v.statusid IN (1, 5) AND j.cancelrequested THEN 6 ELSE v.statusid END,
        result = v.result, priority = v.priority, retrycount = v.retrycount,
        lasterror = CASE WHEN v.statusid = 6 OR v.statusid IN (1, 5) AND j.cancelrequested
                         THEN COALESCE(v.lasterror, CASE WHEN j.cancelrequested THEN j.lasterror END, 'cancelled')
                         WHEN v.executionid IS NULL THEN COALESCE(v.lasterror, j.lasterror)
                         ELSE v.lasterror END,
        failure = v.failure,
        completedat = CASE WHEN v.statusid IN (3, 4, 6) OR j.cancelrequested THEN clock_timestamp() END,
        scheduledat = CASE WHEN v.delay IS NULL THEN j.scheduledat
                           ELSE clock_timestamp() + make_interval(secs => LEAST(v.delay, 2.5e11)) END,
        gate = CASE WHEN v.delay IS NOT NULL THEN 0 ELSE 3 END,
        unknownsince = CASE WHEN v.unknown THEN COALESCE(j.unknownsince, clock_timestamp()) END,
        cancelrequested = FALSE, leaseuntil = NULL, keyslot = NULL,
        modifiedon = clock_timestamp(), rowversionstamp = j.rowversionstamp + 1
    FROM v WHERE j.id = ANY (ARRAY[v.id]) AND j.fence = v.fence AND j.statusid = 2
    RETURNING j.id, v.result, v.duration, v.attempt, j.statusid,
        CASE WHEN j.statusid = 6 THEN j.lasterror ELSE v.lasterror END AS lasterror,
        CASE WHEN j.statusid = v.statusid THEN v.executionid
             ELSE COALESCE(v.executionid, hub_uuid7()) END AS executionid,
        CASE WHEN :history_input::int > 0 THEN left(j.payload, :history_input::int) END AS inputdata
), history AS (
    INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, errormessage,
                               retryattempt, executedby, inputdata, outputdata)
    SELECT executionid, id, executionid, CASE WHEN statusid IN (3, 6) THEN statusid ELSE 4 END,
           clock_timestamp() - duration * interval '1 ms', clock_timestamp(), duration,
           CASE WHEN lasterror IS NULL THEN 'Success' ELSE split_part(lasterror, E'\n', 1) END, lasterror, attempt,
           :executedby::text, inputdata, result
    FROM done WHERE executionid IS NOT NULL
)
SELECT id FROM done
