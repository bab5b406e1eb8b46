-- columns: id, anew, delay
-- Let the ended jobs of these steps wait again: for their signal from now on (`anew`, for ever without a delay), or for
-- the time that they had when they were cancelled before it; one whose time had come is queued. Otherwise as redrive.sql.
-- Plan: primary key, jh_job.
WITH v AS (
    SELECT * FROM unnest(:id::text[], :anew::boolean[], :delay::float8[]) AS v (id, anew, delay)
), ended AS MATERIALIZED (
    SELECT j.id, CASE WHEN v.anew AND v.delay IS NULL THEN '9999-01-01 00:00+00'
                      WHEN v.anew THEN clock_timestamp() + make_interval(secs => LEAST(v.delay, 2.5e11))
                      WHEN j.startedat IS NULL THEN j.scheduledat END AS due,
           1 + (SELECT max(h.retryattempt) FROM job_histories h WHERE h.jobid = j.id) AS attempts
    FROM v JOIN queue_jobs j ON j.id = ANY (ARRAY[v.id]) WHERE j.statusid IN (4, 6) AND j.active
    FOR UPDATE OF j
)
UPDATE queue_jobs j SET
    statusid = CASE WHEN e.due IS NULL THEN 1 ELSE 7 END, gate = CASE WHEN e.due IS NULL THEN 3 ELSE 0 END,
    scheduledat = e.due, startedat = NULL, completedat = NULL,
    attemptbase = COALESCE(e.attempts, 0), priority = LEAST(j.priority::bigint + j.retrycount, 2147483647),
    retrycount = 0, crashcount = 0,
    failure = NULL, unknownsince = NULL, cancelrequested = FALSE, progress = NULL, progressnote = NULL,
    modifiedon = clock_timestamp(), rowversionstamp = j.rowversionstamp + 1
FROM ended e WHERE j.id = ANY (ARRAY[e.id])
