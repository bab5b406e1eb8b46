-- Of the next :limit parents after :after whose children are waited for, those without an open child, for unpark.sql:
-- what an end in another way than by a worker, or a crash between an end and what follows from it, has left parked.
-- One row more, not free, tells the last that was looked at if there may be others behind it.
-- Plan: qj_waiting, qj_parent.
WITH page AS MATERIALIZED (
    SELECT DISTINCT parentjobid AS parent FROM queue_jobs
    WHERE parentjobid > :after::text AND waits IS NOT NULL AND statusid = 7 ORDER BY parentjobid LIMIT :limit::int
)
SELECT p.parent, TRUE AS free FROM page p
WHERE NOT EXISTS (
    SELECT 1 FROM queue_jobs c
    WHERE c.parentjobid = p.parent AND c.waits IS NULL AND c.direction <> 'outbound'
      AND (c.statusid = 2 OR c.active AND c.statusid IN (0, 1, 5, 7)))
UNION ALL
SELECT max(parent), FALSE FROM page HAVING count(*) = :limit::int
