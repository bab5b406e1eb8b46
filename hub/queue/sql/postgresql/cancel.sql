-- Cancel a job: one that waits is Cancelled at once (with a history row), one that runs is asked to stop; the
-- reason stands in lasterror until then. Answers nothing if there is no such job or it has ended already.
-- Plan: primary key.
WITH found AS (
    SELECT id, statusid AS was FROM queue_jobs WHERE id = :id::text AND statusid IN (0, 1, 2, 5, 7) FOR UPDATE
), done AS (
    UPDATE queue_jobs j SET
        statusid = CASE WHEN f.was = 2 THEN 2 ELSE 6 END,
        cancelrequested = f.was = 2,
        lasterror = :reason::text,
        completedat = CASE WHEN f.was = 2 THEN j.completedat ELSE clock_timestamp() END,
        modifiedon = clock_timestamp(), modifiedby = :actor::text, rowversionstamp = j.rowversionstamp + 1
    FROM found f WHERE j.id = ANY (ARRAY[f.id])
    RETURNING j.id, j.statusid, j.orderingkey, j.attemptbase + j.retrycount + j.crashcount AS attempt
), history AS (
    INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt,
                               executedby)
    SELECT id, 6, clock_timestamp(), clock_timestamp(), 0, :reason::text, :reason::text, attempt, :actor::text
    FROM done WHERE statusid = 6
), told AS (
    SELECT pg_notify('hub_cancel', id) FROM done WHERE statusid = 2
)
SELECT d.id, d.statusid, d.orderingkey, (SELECT count(*) FROM told) AS told FROM done d
