-- How many jobs run or could run now: what `drain` waits for. Plan: qj_claim, qj_due, qj_lease.
SELECT (SELECT COUNT(*) FROM queue_jobs FORCE INDEX (qj_claim) WHERE openqueue IS NOT NULL)
     + (SELECT COUNT(*) FROM queue_jobs FORCE INDEX (qj_due) WHERE dueat <= UTC_TIMESTAMP(6) AND active)
     + (SELECT COUNT(*) FROM queue_jobs FORCE INDEX (qj_lease) WHERE leaseends IS NOT NULL) AS unfinished
