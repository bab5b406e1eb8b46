-- Up to :limit rows whose definition nobody has planned yet: new ones, and those changed since. Plan: jp_changed.
SELECT j.id, p.revision, j.enabled AND j.active AND NOT j.is_deleted AS live,
       j.cronexpression, j.intervalseconds, hub_reachable(j.startat) AS startat,
       hub_reachable(j.endat) AS endat, j.timezone, j.misfire, j.overlap, j.jitter, j.timeout, j.maxretries,
       j.maxexecutions, j.executioncount, j.condition, j.queue, hub_reachable(j.lastrunat) AS lastrunat,
       hub_reachable(j.nextrunat) AS nextrunat
FROM job_plans p JOIN jobs j ON j.id = p.jobid
WHERE p.planned <> p.revision ORDER BY p.jobid LIMIT :limit::int
