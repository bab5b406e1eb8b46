-- columns: orderingkey
-- Open the first live row of each key after a finish was committed. Plan: qj_key.
UPDATE queue_jobs SET
    gate = CASE WHEN scheduledat > strftime('%Y-%m-%dT%H:%M:%fZ', 'now') THEN 0 ELSE 3 END, fence = fence + 1
WHERE statusid IN (0, 1, 5) AND seq IN (
    SELECT (
        SELECT e.seq FROM queue_jobs e
        WHERE e.orderingkey = v.value ->> 0 AND e.orderingkey IS NOT NULL
          AND (e.statusid = 2 OR e.active AND (e.statusid IN (1, 5) OR e.statusid = 0 AND e.scheduledat IS NULL))
        ORDER BY e.seq LIMIT 1
    ) FROM json_each(:rows) v
)
RETURNING COALESCE(queue, '') AS queue
