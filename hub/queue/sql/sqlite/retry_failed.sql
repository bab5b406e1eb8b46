-- Give up to :limit dead letters one of the retries they have left, if what failed them was passing (or nobody said
-- what: statusid set by hand). Not of unique ones, as another may have come meanwhile. Answers those that were queued, with their queues.
-- Plan: qj_dead, then the rowid, jh_job.
UPDATE queue_jobs SET
    statusid = 1, gate = 3, scheduledat = NULL, completedat = NULL,
    attemptbase = COALESCE(1 + (SELECT max(h.retryattempt) FROM job_histories h WHERE h.jobid = queue_jobs.id), 0)
                  - retrycount - 1 - crashcount,
    priority = MAX(priority, -2147483647) - 1, retrycount = retrycount + 1,
    failure = NULL, unknownsince = NULL, cancelrequested = FALSE,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
WHERE seq IN (
    SELECT j.seq FROM queue_jobs j
    WHERE j.statusid = 4 AND j.active AND (j.failure = 'transient' OR j.failure IS NULL)
      AND j.uniquekey IS NULL AND j.retrycount < COALESCE(j.maxretries, :max_retries)
    ORDER BY j.seq LIMIT :limit
)
RETURNING id, COALESCE(queue, '') AS queue, 0 AS told
