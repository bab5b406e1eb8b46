-- Up to :limit rows that are due at :now and ask nothing first; what was changed since it was planned
-- is not due before it is planned again. Plan: jobs_due, from its first entry.
SELECT j.id, p.revision, TRUE AS live,
       j.cronexpression, j.intervalseconds, hub_reachable(j.startat) AS startat,
       hub_reachable(j.endat) AS endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout, j.maxretries,
       j.maxexecutions, j.executioncount, j.condition, j.queue, hub_reachable(j.lastrunat) AS lastrunat,
       hub_reachable(j.nextrunat) AS nextrunat
FROM jobs j JOIN job_plans p ON p.jobid = ANY (ARRAY[j.id]) AND p.planned = p.revision
WHERE j.nextrunat IS NOT NULL AND j.enabled AND j.active AND NOT j.is_deleted AND j.condition IS NULL
  AND j.nextrunat <= :now::timestamptz
ORDER BY j.nextrunat LIMIT :limit::int
