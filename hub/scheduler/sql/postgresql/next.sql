-- When the next row is due, of those that ask nothing first and of those that do (which may be being asked: later than
-- :now only); NULL if none is. Plan: the first entry of jobs_due, one of jobs_due_asking.
SELECT (SELECT hub_reachable(j.nextrunat) FROM jobs j
        WHERE j.nextrunat IS NOT NULL AND j.enabled AND j.active AND NOT j.is_deleted AND j.condition IS NULL
        ORDER BY j.nextrunat LIMIT 1) AS plain,
       (SELECT hub_reachable(j.nextrunat) FROM jobs j
        WHERE j.nextrunat IS NOT NULL AND j.enabled AND j.active AND NOT j.is_deleted AND j.condition IS NOT NULL AND j.nextrunat > :now::timestamptz
        ORDER BY j.nextrunat LIMIT 1) AS asking
