-- One row, by its id or else by its name. Plan: primary key, jobs_name_key.
SELECT j.id, p.revision, j.enabled AND j.active AND NOT j.is_deleted AS live,
       j.cronexpression, j.intervalseconds, hub_reachable(j.startat) AS startat,
       hub_reachable(j.endat) AS endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout, j.maxretries,
       j.maxexecutions, j.executioncount, j.condition, j.queue, hub_reachable(j.lastrunat) AS lastrunat,
       hub_reachable(j.nextrunat) AS nextrunat
FROM jobs j JOIN job_plans p ON p.jobid = j.id
WHERE j.id = :id::text OR j.name = :id::text
ORDER BY j.id = :id::text DESC LIMIT 1
