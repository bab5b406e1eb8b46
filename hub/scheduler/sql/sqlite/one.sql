-- One row, by its id or else by its name. Plan: primary key, jobs_name_key.
SELECT j.id, p.revision, j.enabled AND j.active AND NOT j.is_deleted AS live,
       j.cronexpression, j.intervalseconds, j.startat, j.endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout,
       j.maxretries, j.maxexecutions, j.executioncount, j.condition, j.queue, j.lastrunat, j.nextrunat
FROM jobs j JOIN job_plans p ON p.jobid = j.id
WHERE j.id = :id OR j.name = :id
ORDER BY j.id = :id DESC LIMIT 1
