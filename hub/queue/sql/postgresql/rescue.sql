-- Take back up to :limit jobs whose lease has expired, or that are Processing without one: queued again, or Failed as
-- poison past :max_crashes (hub.transitions.after_crash), or Cancelled if that was asked for; each leaves a history
-- row. :owner is not looked at here: leases tell who is alive. A zombie that holds a row's lock is skipped.
-- Plan: qj_lease, qj_leaseless.
WITH dead AS MATERIALIZED (
    SELECT id FROM queue_jobs WHERE leaseuntil IS NOT NULL AND leaseuntil < now() AND statusid = 2
    ORDER BY leaseuntil LIMIT :limit::int FOR UPDATE SKIP LOCKED
), bare AS MATERIALIZED (
    SELECT id FROM queue_jobs WHERE statusid = 2 AND leaseuntil IS NULL LIMIT :limit::int FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE queue_jobs j SET
        statusid = CASE WHEN j.cancelrequested THEN 6 WHEN j.crashcount + 1 > :max_crashes::int THEN 4 ELSE 1 END,
        failure = CASE WHEN NOT j.cancelrequested AND j.crashcount + 1 > :max_crashes::int THEN 'poison' END,
        completedat = CASE WHEN j.cancelrequested OR j.crashcount + 1 > :max_crashes::int THEN clock_timestamp() END,
        lasterror = 'lease expired (worker ' || COALESCE(j.leaseowner, 'unknown') || ')'
                    || CASE WHEN j.cancelrequested THEN COALESCE('; to be cancelled: ' || j.lasterror, '') ELSE '' END,
        crashcount = j.crashcount + 1, fence = j.fence + 1, gate = 3, leaseuntil = NULL, keyslot = NULL,
        cancelrequested = FALSE, modifiedon = clock_timestamp(), rowversionstamp = j.rowversionstamp + 1
    WHERE j.id = ANY (ARRAY(SELECT id FROM dead UNION ALL SELECT id FROM bare)) AND :owner::text IS NOT NULL
    RETURNING j.id, j.statusid, j.queue, j.orderingkey, COALESCE(j.startedat, clock_timestamp()) AS startedat,
              j.leaseowner, j.lasterror,
              j.attemptbase + j.retrycount + j.crashcount - 1 AS attempt
), history AS (
    INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt,
                               executedby)
    SELECT id, CASE statusid WHEN 6 THEN 6 ELSE 4 END, startedat, clock_timestamp(),
           GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - startedat) * 1000)::bigint,
           lasterror, lasterror, attempt, leaseowner
    FROM taken
)
SELECT id, statusid, COALESCE(queue, '') AS queue, orderingkey, leaseowner FROM taken
