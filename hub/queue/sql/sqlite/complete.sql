-- columns: id, fence, result, executionid, duration, attempt
-- Complete a batch of jobs whose handlers touched no SQL, each behind its fence, with their history rows (first, while
-- the rows are still Processing). Answers the ids that were completed; the others had lost their lease.
-- Plan: the unique index on id.
INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, retryattempt,
                           executedby, inputdata, outputdata)
SELECT v.value ->> 3, j.id, v.value ->> 3, 3,
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ((v.value ->> 4) / -1000.0) || ' seconds'),
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), v.value ->> 4, 'Success', v.value ->> 5, :executedby,
       CASE WHEN :history_input > 0 THEN substr(j.payload, 1, :history_input) END, v.value ->> 2
FROM json_each(:rows) v CROSS JOIN queue_jobs j
WHERE j.id = v.value ->> 0 AND j.fence = v.value ->> 1 AND j.statusid = 2
----
UPDATE queue_jobs SET statusid = 3, result = v.result, completedat = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    lasterror = NULL, leaseuntil = NULL, keyslot = NULL, unknownsince = NULL, cancelrequested = FALSE,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
FROM (SELECT value ->> 0 AS id, value ->> 1 AS fence, value ->> 2 AS result FROM json_each(:rows)) v
WHERE queue_jobs.id = v.id AND queue_jobs.fence = v.fence AND statusid = 2
RETURNING id
