-- columns: id, anew, delay
-- Let the ended jobs of these steps wait again: for their signal from now on (`anew`, for ever without a delay), or for
-- the time that they had when they were cancelled before it; one whose time had come is queued. Otherwise as redrive.sql.
-- An UPDATE may see what it has assigned: what is asked of a column comes before its change. Plan: qj_id, jh_job.
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', anew int PATH '$[1]',
    delay double PATH '$[2]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
SET j.gate = IF(v.anew OR j.startedat IS NULL AND j.scheduledat IS NOT NULL, 0, 3),
    j.scheduledat = CASE WHEN v.anew THEN
                             COALESCE(UTC_TIMESTAMP(6)
                                      + INTERVAL CAST(LEAST(v.delay, 2.5e11) * 1000000 AS SIGNED) MICROSECOND,
                                      '9999-01-01 00:00:00')
                         WHEN j.startedat IS NULL THEN j.scheduledat END,
    j.startedat = NULL, j.completedat = NULL,
    j.attemptbase = COALESCE(1 + (SELECT MAX(h.retryattempt) FROM job_histories h WHERE h.jobid = j.id), 0),
    j.priority = LEAST(j.priority + j.retrycount, 2147483647), j.retrycount = 0, j.crashcount = 0,
    j.failure = NULL, j.unknownsince = NULL, j.cancelrequested = FALSE, j.progress = NULL, j.progressnote = NULL,
    j.modifiedon = UTC_TIMESTAMP(6), j.rowversionstamp = j.rowversionstamp + 1,
    j.statusid = IF(j.gate = 0, 7, 1)
WHERE j.statusid IN (4, 6) AND j.active
