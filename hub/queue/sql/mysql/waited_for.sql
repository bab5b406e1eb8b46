-- Up to :limit parents after :after whose children are waited for, in their order, for unpark.sql: what an end in
-- another way than by a worker, or a crash between an end and what follows from it, has left parked. Plan: qj_waiting.
SELECT DISTINCT waitingfor FROM queue_jobs FORCE INDEX (qj_waiting) WHERE waitingfor > :after ORDER BY waitingfor LIMIT :limit
