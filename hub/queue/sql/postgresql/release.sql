-- columns: orderingkey
-- Open the first live row of each key after a finish was committed; always writes, so that a claim with an older
-- snapshot does not park it. In the order of ids, so that two releases cannot deadlock. Plan: qj_key.
WITH first AS MATERIALIZED (
    SELECT f.id FROM (SELECT DISTINCT k FROM unnest(:orderingkey::text[]) AS v (k)) keys CROSS JOIN LATERAL (
        SELECT id, statusid FROM queue_jobs
        WHERE orderingkey = keys.k
          AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
        ORDER BY seq LIMIT 1
    ) f WHERE f.statusid IN (0, 1, 5)
), locked AS MATERIALIZED (
    SELECT id FROM queue_jobs WHERE id = ANY (ARRAY(SELECT id FROM first)) AND statusid IN (0, 1, 5) ORDER BY id FOR UPDATE
)
UPDATE queue_jobs SET gate = CASE WHEN scheduledat > clock_timestamp() THEN 0 ELSE 3 END, fence = fence + 1
WHERE id = ANY (ARRAY(SELECT id FROM locked))
RETURNING COALESCE(queue, '')
