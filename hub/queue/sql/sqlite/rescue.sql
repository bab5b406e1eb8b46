-- Take back up to :limit jobs that are Processing without a lease, or under one of another owner than :owner: one
-- process has the file, so an owner that is not this one is gone, whatever its lease says, and what this one holds it
-- knows itself. Queued again, or Failed as poison past :max_crashes (hub.transitions.after_crash), or Cancelled if that
-- was asked for; each leaves a history row. Plan: qj_lease, qj_leaseless.
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage, retryattempt,
                           executedby)
SELECT id, CASE WHEN cancelrequested THEN 6 ELSE 4 END, COALESCE(startedat, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
       CAST(max(0, COALESCE((julianday('now') - julianday(startedat)) * 86400000.0, 0)) AS INTEGER),
       'lease expired (worker ' || COALESCE(leaseowner, 'unknown') || ')',
       'lease expired (worker ' || COALESCE(leaseowner, 'unknown') || ')'
       || CASE WHEN cancelrequested THEN COALESCE('; to be cancelled: ' || lasterror, '') ELSE '' END,
       attemptbase + retrycount + crashcount, leaseowner
FROM queue_jobs WHERE seq IN (
    SELECT seq FROM (SELECT seq FROM queue_jobs
                     WHERE leaseuntil IS NOT NULL AND statusid = 2 AND leaseowner IS NOT :owner
                     ORDER BY leaseuntil LIMIT :limit)
    UNION ALL
    SELECT seq FROM (SELECT seq FROM queue_jobs WHERE statusid = 2 AND leaseuntil IS NULL ORDER BY id LIMIT :limit)
)
----
UPDATE queue_jobs SET
    statusid = CASE WHEN cancelrequested THEN 6 WHEN crashcount + 1 > :max_crashes THEN 4 ELSE 1 END,
    failure = CASE WHEN NOT cancelrequested AND crashcount + 1 > :max_crashes THEN 'poison' END,
    completedat = CASE WHEN cancelrequested OR crashcount + 1 > :max_crashes
                       THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    lasterror = 'lease expired (worker ' || COALESCE(leaseowner, 'unknown') || ')'
                || CASE WHEN cancelrequested THEN COALESCE('; to be cancelled: ' || lasterror, '') ELSE '' END,
    crashcount = crashcount + 1, fence = fence + 1, gate = 3, leaseuntil = NULL, keyslot = NULL,
    cancelrequested = FALSE, modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
WHERE seq IN (
    SELECT seq FROM (SELECT seq FROM queue_jobs
                     WHERE leaseuntil IS NOT NULL AND statusid = 2 AND leaseowner IS NOT :owner
                     ORDER BY leaseuntil LIMIT :limit)
    UNION ALL
    SELECT seq FROM (SELECT seq FROM queue_jobs WHERE statusid = 2 AND leaseuntil IS NULL ORDER BY id LIMIT :limit)
)
RETURNING id, statusid, COALESCE(queue, '') AS queue, orderingkey, leaseowner
