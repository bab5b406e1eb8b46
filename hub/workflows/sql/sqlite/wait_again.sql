-- columns: id, anew, delay
-- Let the ended jobs of these steps wait again: for their signal from now on (`anew`, for ever without a delay), or for
-- the time that they had when they were cancelled before it; one whose time had come is queued. Otherwise as redrive.sql.
-- Plan: the unique index on id, jh_job.
UPDATE queue_jobs SET
    statusid = CASE WHEN v.anew OR startedat IS NULL AND scheduledat IS NOT NULL THEN 7 ELSE 1 END,
    gate = CASE WHEN v.anew OR startedat IS NULL AND scheduledat IS NOT NULL THEN 0 ELSE 3 END,
    scheduledat = CASE WHEN v.anew THEN COALESCE(strftime('%Y-%m-%dT%H:%M:%fZ', 'now', v.delay || ' seconds'),
                                                 '9999-01-01T00:00:00.000Z')
                       WHEN startedat IS NULL THEN scheduledat END,
    startedat = NULL, completedat = NULL,
    attemptbase = COALESCE(1 + (SELECT max(h.retryattempt) FROM job_histories h WHERE h.jobid = queue_jobs.id), 0),
    priority = MIN(priority + retrycount, 2147483647), retrycount = 0, crashcount = 0,
    failure = NULL, unknownsince = NULL, cancelrequested = FALSE, progress = NULL, progressnote = NULL,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
FROM (SELECT value ->> 0 AS id, value ->> 1 AS anew, value ->> 2 AS delay FROM json_each(:rows)) v
WHERE queue_jobs.id = v.id AND statusid IN (4, 6) AND active
