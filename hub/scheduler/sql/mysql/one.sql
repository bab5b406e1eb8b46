-- One row, by its id or else by its name. Plan: primary key, the unique index on name.
SELECT j.id, p.revision, j.enabled AND j.active AND NOT j.is_deleted AS live, j.cronexpression, j.intervalseconds,
       LEAST(j.startat, CAST('9999-12-31' AS datetime(6))) AS startat,
       LEAST(j.endat, CAST('9999-12-31' AS datetime(6))) AS endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout, j.maxretries, j.maxexecutions, j.executioncount,
       j.`condition`, j.queue, LEAST(j.lastrunat, CAST('9999-12-31' AS datetime(6))) AS lastrunat,
       LEAST(j.nextrunat, CAST('9999-12-31' AS datetime(6))) AS nextrunat
FROM jobs j JOIN job_plans p ON p.jobid = j.id
WHERE j.id = :id OR j.name = :id
ORDER BY j.id = :id DESC LIMIT 1
