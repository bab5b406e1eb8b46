-- A page of schedules by name, behind the name :after; deleted ones are left out. Plan: the unique index on name.
SELECT id, name, description, handler, cronexpression, intervalseconds, startat, endat, timezone,
       CASE WHEN status = 'active' AND type = 'scheduled' AND maxexecutions = 0 AND executioncount > 0
                 AND nextrunat IS NULL THEN 'completed'
            ELSE status END AS status,
       owner, executioncount, maxexecutions, lastrunat, nextrunat, lasterror
FROM jobs WHERE name > :after AND NOT is_deleted ORDER BY name LIMIT :limit
