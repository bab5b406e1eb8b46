-- columns: parent
-- Let jobs run that wait for the children of these parents, where no child is left open: they become due, and the
-- promotion gives them their place. One that wanted all Completed is Failed instead if one of them is not. Messages to
-- the outside are no children to wait for, nor are rows that never run. Answers the ids with the statuses.
-- Plan: qj_waiting, qj_parent.
WITH free AS MATERIALIZED (
    SELECT w.seq, CASE WHEN w.waits = 'completed' THEN (
               SELECT c.id FROM queue_jobs c INDEXED BY qj_parent
               WHERE c.parentjobid = v.value ->> 0 AND c.waits IS NULL AND c.direction <> 'outbound'
                 AND c.statusid IN (4, 6)
               LIMIT 1) END AS broken
    FROM json_each(:rows) v CROSS JOIN queue_jobs w INDEXED BY qj_waiting
    WHERE w.parentjobid = v.value ->> 0 AND w.waits IS NOT NULL AND w.statusid = 7 AND w.gate = 2
      AND NOT EXISTS (
          SELECT 1 FROM queue_jobs c INDEXED BY qj_parent
          WHERE c.parentjobid = v.value ->> 0 AND c.waits IS NULL AND c.direction <> 'outbound'
            AND (c.statusid = 2 OR c.active AND c.statusid IN (0, 1, 5, 7)))
)
UPDATE queue_jobs SET
    statusid = CASE WHEN f.broken IS NULL THEN 7 ELSE 4 END,
    gate = CASE WHEN f.broken IS NULL THEN 0 ELSE 3 END,
    scheduledat = CASE WHEN f.broken IS NULL THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    completedat = CASE WHEN f.broken IS NOT NULL THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    failure = CASE WHEN f.broken IS NOT NULL THEN 'permanent' END,
    lasterror = 'the child ' || f.broken || ' did not complete',
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
FROM free f WHERE queue_jobs.seq = f.seq
RETURNING id, statusid
