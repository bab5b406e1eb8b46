-- How many rows wait for a worker, open or parked behind their key; each count ends at :most. Plan: qj_claim, qj_key.
SELECT (
    SELECT COUNT(*) FROM (
        SELECT 1 FROM queue_jobs FORCE INDEX (qj_claim) WHERE openqueue IS NOT NULL LIMIT :most
    ) open
) + (
    SELECT COUNT(*) FROM (
        SELECT 1 FROM queue_jobs FORCE INDEX (qj_key) WHERE livekey IS NOT NULL AND gate = 1 LIMIT :most
    ) parked
) AS depth
