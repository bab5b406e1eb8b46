-- columns: id
-- Delete finished jobs (:failed, or Completed and Cancelled ones) with their histories and steps, but for those that
-- hold a dedupe key that must still be known. Answers the ids that are gone. Plan: qj_id, jh_job.
SELECT j.id FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE IF(:failed, j.statusid = 4, j.statusid IN (3, 6))
  AND (j.dedupekey IS NULL
       OR j.createdon <= UTC_TIMESTAMP(6) - INTERVAL CAST(:dedupe_retention * 1000000 AS SIGNED) MICROSECOND)
FOR UPDATE /*!80000 OF j */
----
DELETE FROM queue_jobs WHERE id IN :found
