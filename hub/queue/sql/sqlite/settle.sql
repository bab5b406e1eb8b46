-- columns: id, fence, result, executionid, duration, attempt, statusid, priority, retrycount, delay,
--   lasterror, failure, unknown
-- End a batch of attempts in any way, each behind its fence, with a history row where the attempt counts; a job that
-- would run again though its end was asked for is Cancelled. Without a word of the attempt's own, the reason is what
-- cancel.sql has left in lasterror. The history rows come first, while the rows still tell what was asked. Answers the
-- ids that were settled; the others had lost their lease. Plan: the unique index on id.
WITH v AS MATERIALIZED (
    SELECT value ->> 0 AS id, value ->> 1 AS fence, value ->> 2 AS result, value ->> 3 AS executionid,
           value ->> 4 AS duration, value ->> 5 AS attempt, value ->> 6 AS statusid, value ->> 10 AS lasterror
    FROM json_each(:rows)
), ended AS MATERIALIZED (
    SELECT v.executionid, j.id, v.duration, v.attempt, v.result, j.payload,
           CASE WHEN v.statusid IN (1, 5) AND j.cancelrequested THEN 6 ELSE v.statusid END AS statusid,
           CASE WHEN v.statusid = 6 OR v.statusid IN (1, 5) AND j.cancelrequested
                THEN COALESCE(v.lasterror, CASE WHEN j.cancelrequested THEN j.lasterror END, 'cancelled')
                ELSE v.lasterror END AS error
    FROM v CROSS JOIN queue_jobs j
    WHERE j.id = v.id AND j.fence = v.fence AND j.statusid = 2 AND v.executionid IS NOT NULL
)
INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, errormessage,
                           retryattempt, executedby, inputdata, outputdata)
SELECT executionid, id, executionid, CASE WHEN statusid IN (3, 6) THEN statusid ELSE 4 END,
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (duration / -1000.0) || ' seconds'),
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), duration,
       CASE WHEN error IS NULL THEN 'Success'
            WHEN instr(error, char(10)) THEN substr(error, 1, instr(error, char(10)) - 1)
            ELSE error END,
       error, attempt, :executedby, CASE WHEN :history_input > 0 THEN substr(payload, 1, :history_input) END, result
FROM ended
----
-- Given back or snoozed, which leaves no history, but Cancelled by it, which does.
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt,
                           executedby)
SELECT j.id, 6, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ((v.value ->> 4) / -1000.0) || ' seconds'),
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), v.value ->> 4,
       COALESCE(v.value ->> 10, j.lasterror, 'cancelled'), COALESCE(v.value ->> 10, j.lasterror, 'cancelled'),
       v.value ->> 5, :executedby
FROM json_each(:rows) v CROSS JOIN queue_jobs j
WHERE j.id = v.value ->> 0 AND j.fence = v.value ->> 1 AND j.statusid = 2
  AND v.value ->> 3 IS NULL AND v.value ->> 6 IN (1, 5) AND j.cancelrequested
----
UPDATE queue_jobs SET
    statusid = CASE WHEN v.statusid IN (1, 5) AND cancelrequested THEN 6 ELSE v.statusid END,
    result = v.result, priority = v.priority, retrycount = v.retrycount,
    lasterror = CASE WHEN v.statusid = 6 OR v.statusid IN (1, 5) AND cancelrequested
                     THEN COALESCE(v.lasterror, CASE WHEN cancelrequested THEN queue_jobs.lasterror END, 'cancelled')
                     WHEN v.executionid IS NULL THEN COALESCE(v.lasterror, queue_jobs.lasterror)
                     ELSE v.lasterror END,
    failure = v.failure,
    completedat = CASE WHEN v.statusid IN (3, 4, 6) OR cancelrequested THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    scheduledat = CASE WHEN v.delay IS NULL THEN scheduledat
                       ELSE COALESCE(strftime('%Y-%m-%dT%H:%M:%fZ', 'now', v.delay || ' seconds'),
                                     '9999-12-31T23:59:59.999Z') END,
    gate = CASE WHEN v.delay IS NOT NULL THEN 0 ELSE 3 END,
    unknownsince = CASE WHEN v.unknown THEN COALESCE(unknownsince, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) END,
    cancelrequested = FALSE, leaseuntil = NULL, keyslot = NULL,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
FROM (
    SELECT value ->> 0 AS id, value ->> 1 AS fence, value ->> 2 AS result, value ->> 3 AS executionid,
           value ->> 6 AS statusid, value ->> 7 AS priority, value ->> 8 AS retrycount, value ->> 9 AS delay,
           value ->> 10 AS lasterror, value ->> 11 AS failure, value ->> 12 AS unknown
    FROM json_each(:rows)
) v
WHERE queue_jobs.id = v.id AND queue_jobs.fence = v.fence AND queue_jobs.statusid = 2
RETURNING id
