-- A page of schedules by name, behind the name :after; deleted ones are left out. Plan: the unique index on name.
SELECT id, name, description, handler, cronexpression, intervalseconds,
       LEAST(startat, CAST('9999-12-31' AS datetime(6))) AS startat, LEAST(endat, CAST('9999-12-31' AS datetime(6))) AS endat,
       timezone,
       CASE WHEN status = 'active' AND type = 'scheduled' AND maxexecutions = 0 AND executioncount > 0
                 AND nextrunat IS NULL THEN 'completed'
            ELSE status END AS status,
       owner, executioncount, maxexecutions, LEAST(lastrunat, CAST('9999-12-31' AS datetime(6))) AS lastrunat,
       LEAST(nextrunat, CAST('9999-12-31' AS datetime(6))) AS nextrunat, lasterror
FROM jobs FORCE INDEX (name) WHERE name > :after AND NOT is_deleted ORDER BY name LIMIT :limit
