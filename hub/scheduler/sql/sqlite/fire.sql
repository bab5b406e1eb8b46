-- columns: id, revision, was, following, lasterror, fireid, firetime, source, dedupekey, scheduledat, orderingkey
-- Make the rows of `queue_jobs` and move each schedule on, if it still stands where it stood when it was read (`was`) with
-- the same definition; else nothing happens to it. One row of the batch a fire (fireid NULL: only move on), the
-- schedule's own values repeated. With overlap 'skip' a fire gives way to an unfinished one, which is the last by key.
-- Answers the schedules that moved, with their executions. Plan: primary keys, qj_dedupe.
INSERT INTO queue_jobs (id, typeid, handler, payload, queue, priority, maxretries, timeout, metadata, source, dedupekey,
    scheduledat, statusid, orderingkey, createdby)
SELECT b.value ->> 5, 1, j.handler, j.payload, j.queue, j.priority, j.maxretries, j.timeout,
       json_set(CASE WHEN json_type(j.metadata) = 'object' THEN j.metadata ELSE '{}' END,
                '$.scheduled_job_id', j.id, '$.scheduled_for', b.value ->> 8),
       b.value ->> 7, b.value ->> 8, b.value ->> 9, CASE WHEN b.value ->> 9 IS NULL THEN 0 ELSE 7 END, b.value ->> 10,
       'scheduler'
FROM json_each(:rows) b CROSS JOIN jobs j ON j.id = b.value ->> 0 CROSS JOIN job_plans p ON p.jobid = j.id
WHERE j.nextrunat = b.value ->> 2 AND p.revision = b.value ->> 1 AND p.planned = p.revision
  AND b.value ->> 5 IS NOT NULL
  AND NOT (j.overlap = 'skip' AND COALESCE((SELECT q.statusid NOT IN (3, 4, 6) FROM queue_jobs q
      WHERE q.source = b.value ->> 7 AND q.dedupekey IS NOT NULL ORDER BY q.dedupekey DESC LIMIT 1), FALSE))
ORDER BY b.value ->> 6
ON CONFLICT (source, dedupekey) WHERE dedupekey IS NOT NULL DO NOTHING
----
UPDATE jobs SET lasterror = b.lasterror, executioncount = executioncount + b.n,
    lastrunat = COALESCE(b.last, lastrunat),
    nextrunat = CASE WHEN maxexecutions > 0 AND executioncount + b.n >= maxexecutions THEN NULL ELSE b.following END
FROM (SELECT r.value ->> 0 AS id, max(r.value ->> 1) AS revision, max(r.value ->> 2) AS was,
             max(r.value ->> 3) AS following, max(r.value ->> 4) AS lasterror, count(q.id) AS n,
             max(CASE WHEN q.id IS NOT NULL THEN r.value ->> 6 END) AS last
      FROM json_each(:rows) r LEFT JOIN queue_jobs q ON q.id = r.value ->> 5 GROUP BY 1) b
WHERE jobs.id = b.id AND jobs.nextrunat = b.was
  AND EXISTS (SELECT 1 FROM job_plans p WHERE p.jobid = b.id AND p.revision = b.revision AND p.planned = p.revision)
RETURNING id, executioncount, NULL AS notified
