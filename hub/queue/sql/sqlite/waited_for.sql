-- Up to :limit parents after :after whose children are waited for, in their order, for unpark.sql: what an end in
-- another way than by a worker, or a crash between an end and what follows from it, has left parked. Plan: qj_waiting.
SELECT DISTINCT parentjobid FROM queue_jobs WHERE parentjobid > :after AND waits IS NOT NULL AND statusid = 7 ORDER BY parentjobid LIMIT :limit
