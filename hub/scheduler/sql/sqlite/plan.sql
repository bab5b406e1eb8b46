-- columns: id, revision, following, lasterror, sound
-- Write when each row fires next, unless its definition was changed meanwhile or somebody else has planned it (with :anew
-- also then). A row that is not sound is disabled, its error in view; one that is disabled already keeps its last error.
-- Disabling is a change too: the row's revision rises, and the next round plans it as a disabled one. Plan: primary keys.
UPDATE jobs SET nextrunat = b.following, enabled = jobs.enabled AND b.sound,
    lasterror = CASE WHEN b.sound AND NOT (jobs.enabled AND jobs.active AND NOT jobs.is_deleted) THEN jobs.lasterror
                     ELSE b.lasterror END
FROM (SELECT r.value ->> 0 AS id, r.value ->> 2 AS following, r.value ->> 3 AS lasterror, r.value ->> 4 AS sound
      FROM json_each(:rows) r CROSS JOIN job_plans p ON p.jobid = r.value ->> 0
      WHERE p.revision = r.value ->> 1 AND (p.planned <> p.revision OR :anew)) b
WHERE jobs.id = b.id
----
UPDATE job_plans SET planned = job_plans.revision
FROM (SELECT value ->> 0 AS id, value ->> 1 AS revision FROM json_each(:rows)) b
WHERE job_plans.jobid = b.id AND job_plans.revision = b.revision AND (job_plans.planned <> job_plans.revision OR :anew)
RETURNING jobid AS id
