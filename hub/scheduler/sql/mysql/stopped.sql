-- A page of rows by their ids, behind :after, that recur, are not over and say no next time, though they have been planned:
-- somebody has set it to NULL. Reads the table whole; run at each check interval.
SELECT j.id, p.revision, TRUE AS live, j.cronexpression, j.intervalseconds,
       LEAST(j.startat, CAST('9999-12-31' AS datetime(6))) AS startat,
       LEAST(j.endat, CAST('9999-12-31' AS datetime(6))) AS endat, j.timezone, j.misfire, j.overlap,
       j.jitter, j.timeout, j.maxretries, j.maxexecutions, j.executioncount, j.`condition`, j.queue,
       LEAST(j.lastrunat, CAST('9999-12-31' AS datetime(6))) AS lastrunat,
       LEAST(j.nextrunat, CAST('9999-12-31' AS datetime(6))) AS nextrunat
FROM jobs j JOIN job_plans p ON p.jobid = j.id
WHERE j.id > :after AND j.nextrunat IS NULL AND p.planned = p.revision AND j.type = 'interval'
  AND j.enabled AND j.active AND NOT j.is_deleted
  AND (j.maxexecutions = 0 OR j.executioncount < j.maxexecutions) AND (j.endat IS NULL OR j.endat > :now)
ORDER BY j.id LIMIT :limit
