-- How many rows wait for a worker, open or parked behind their key; each count ends at :most. Plan: qj_claim, qj_key.
SELECT (
    SELECT count(*) FROM (
        SELECT 1 FROM queue_jobs
        WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL) LIMIT :most
    )
) + (
    SELECT count(*) FROM (
        SELECT 1 FROM queue_jobs
        WHERE orderingkey IS NOT NULL
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
          AND gate = 1 LIMIT :most
    )
) AS depth
