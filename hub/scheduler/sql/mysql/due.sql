-- Up to :limit rows that are due at :now and ask nothing first; what was changed since it was planned
-- is not due before it is planned again. Plan: jobs_due, from its first entry.
SELECT j.id, p.revision, TRUE AS live, j.cronexpression, j.intervalseconds,
       LEAST(j.startat, CAST('9999-12-31' AS datetime(6))) AS startat,
       LEAST(j.endat, CAST('9999-12-31' AS datetime(6))) AS endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout, j.maxretries, j.maxexecutions, j.executioncount,
       j.`condition`, j.queue, LEAST(j.lastrunat, CAST('9999-12-31' AS datetime(6))) AS lastrunat,
       LEAST(j.nextrunat, CAST('9999-12-31' AS datetime(6))) AS nextrunat
FROM jobs j FORCE INDEX (jobs_due) STRAIGHT_JOIN job_plans p FORCE INDEX (PRIMARY)
    ON p.jobid = j.id AND p.planned = p.revision
WHERE j.dueat <= :now
ORDER BY j.dueat LIMIT :limit
