-- How many jobs run or could run now: what `drain` waits for. Plan: qj_claim, qj_lease, qj_key.
SELECT (SELECT count(*) FROM queue_jobs
        WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL))
     + (SELECT count(*) FROM queue_jobs
        WHERE scheduledat <= clock_timestamp() AND gate = 0 AND statusid IN (0, 1, 5, 7) AND active)
     + (SELECT count(*) FROM queue_jobs WHERE statusid = 2) AS unfinished
