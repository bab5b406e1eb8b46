-- Up to :limit rows whose definition nobody has planned yet: new ones, and those changed since. Plan: jp_changed.
SELECT j.id, p.revision, j.enabled AND j.active AND NOT j.is_deleted AS live, j.cronexpression, j.intervalseconds,
       LEAST(j.startat, CAST('9999-12-31' AS datetime(6))) AS startat,
       LEAST(j.endat, CAST('9999-12-31' AS datetime(6))) AS endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout, j.maxretries, j.maxexecutions, j.executioncount,
       j.`condition`, j.queue, LEAST(j.lastrunat, CAST('9999-12-31' AS datetime(6))) AS lastrunat,
       LEAST(j.nextrunat, CAST('9999-12-31' AS datetime(6))) AS nextrunat
FROM job_plans p FORCE INDEX (jp_changed) STRAIGHT_JOIN jobs j FORCE INDEX (PRIMARY) ON j.id = p.jobid
WHERE p.changed = TRUE ORDER BY p.jobid LIMIT :limit
