-- Let everything that waits for its time be due now: a test does not wait for a retry. Plan: qj_due.
UPDATE queue_jobs SET scheduledat = clock_timestamp()
WHERE scheduledat > clock_timestamp() AND gate = 0 AND statusid IN (0, 1, 5, 7) RETURNING id
