-- Give up to :limit dead letters one of the retries they have left, if what failed them was passing (or nobody said
-- what: statusid set by hand). Not of unique ones, as another may have come meanwhile. Answers those that were queued, with their queues. An UPDATE sees what it has assigned
-- already. Plan: qj_dead, then the primary key, jh_job.
SELECT seq FROM queue_jobs FORCE INDEX (qj_dead)
WHERE dead = TRUE AND active AND (failure = 'transient' OR failure IS NULL)
  AND uniquekey IS NULL AND retrycount < COALESCE(maxretries, :max_retries)
ORDER BY seq LIMIT :limit FOR UPDATE SKIP LOCKED
----
UPDATE queue_jobs FORCE INDEX (PRIMARY) SET
    statusid = 1, gate = 3, scheduledat = NULL, completedat = NULL,
    attemptbase = COALESCE(1 + (SELECT MAX(h.retryattempt) FROM job_histories h WHERE h.jobid = queue_jobs.id), 0)
                  - retrycount - 1 - crashcount,
    priority = GREATEST(priority, -2147483647) - 1, retrycount = retrycount + 1,
    failure = NULL, unknownsince = NULL, cancelrequested = FALSE,
    modifiedon = UTC_TIMESTAMP(6), rowversionstamp = rowversionstamp + 1
WHERE seq IN :found
----
SELECT id, COALESCE(queue, '') AS queue, 0 AS told FROM queue_jobs FORCE INDEX (PRIMARY) WHERE seq IN :found
