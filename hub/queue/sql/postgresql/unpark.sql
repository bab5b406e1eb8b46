-- columns: parent
-- Let jobs run that wait for the children of these parents, where no child is left open: they become due, and the
-- promotion gives them their place. One that wanted all Completed is Failed instead if one of them is not. Messages to
-- the outside are no children to wait for, nor are rows that never run. Answers the ids with the statuses.
-- Plan: qj_waiting, qj_parent.
WITH free AS MATERIALIZED (
    SELECT w.id, CASE WHEN w.waits = 'completed' THEN (
               SELECT c.id FROM queue_jobs c
               WHERE c.parentjobid = v.parent AND c.waits IS NULL AND c.direction <> 'outbound' AND c.statusid IN (4, 6)
               LIMIT 1) END AS broken
    FROM unnest(:parent::text[]) AS v (parent) CROSS JOIN LATERAL (
        SELECT id, waits FROM queue_jobs
        WHERE parentjobid = v.parent AND waits IS NOT NULL AND statusid = 7 AND gate = 2
    ) w
    WHERE NOT EXISTS (
        SELECT 1 FROM queue_jobs c
        WHERE c.parentjobid = v.parent AND c.waits IS NULL AND c.direction <> 'outbound'
          AND (c.statusid = 2 OR c.active AND c.statusid IN (0, 1, 5, 7)))
)
UPDATE queue_jobs j SET
    statusid = CASE WHEN f.broken IS NULL THEN 7 ELSE 4 END,
    gate = CASE WHEN f.broken IS NULL THEN 0 ELSE 3 END,
    scheduledat = CASE WHEN f.broken IS NULL THEN clock_timestamp() END,
    completedat = CASE WHEN f.broken IS NOT NULL THEN clock_timestamp() END,
    failure = CASE WHEN f.broken IS NOT NULL THEN 'permanent' END,
    lasterror = 'the child ' || f.broken || ' did not complete',
    modifiedon = clock_timestamp(), rowversionstamp = j.rowversionstamp + 1
FROM free f WHERE j.id = ANY (ARRAY[f.id]) AND j.statusid = 7 AND j.gate = 2
RETURNING j.id, j.statusid
