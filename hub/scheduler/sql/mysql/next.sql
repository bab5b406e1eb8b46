-- When the next row is due, of those that ask nothing first and of those that do (which may be being asked: later than
-- :now only); NULL if none is. Plan: the first entry of jobs_due, one of jobs_due_asking.
SELECT (SELECT LEAST(dueat, CAST('9999-12-31' AS datetime(6))) FROM jobs FORCE INDEX (jobs_due)
        WHERE dueat IS NOT NULL ORDER BY dueat LIMIT 1) AS plain,
       (SELECT LEAST(askingat, CAST('9999-12-31' AS datetime(6))) FROM jobs FORCE INDEX (jobs_due_asking)
        WHERE askingat > :now ORDER BY askingat LIMIT 1) AS asking
