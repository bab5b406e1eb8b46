-- A page of schedules by name, behind the name :after; deleted ones are left out. Plan: jobs_name_key.
SELECT id, name, description, handler, cronexpression, intervalseconds, hub_reachable(startat) AS startat,
       hub_reachable(endat) AS endat, timezone,
       CASE WHEN status = 'active' AND type = 'scheduled' AND maxexecutions = 0 AND executioncount > 0
                 AND nextrunat IS NULL THEN 'completed'
            ELSE status END AS status,
       owner, executioncount, maxexecutions,
       hub_reachable(lastrunat) AS lastrunat, hub_reachable(nextrunat) AS nextrunat, lasterror
FROM jobs WHERE name > :after::text AND NOT is_deleted ORDER BY name LIMIT :limit::int
