-- columns: id
-- Of finished jobs that are to go (:failed, or Completed and Cancelled ones), empty those whose dedupe key must still
-- be known for a while: the row stays to hold the key, inactive, with nothing of the message left. Answers their ids.
-- Plan: qj_id, jh_job.
SELECT j.id FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE IF(:failed, j.statusid = 4, j.statusid IN (3, 6)) AND j.dedupekey IS NOT NULL
  AND j.createdon > UTC_TIMESTAMP(6) - INTERVAL CAST(:dedupe_retention * 1000000 AS SIGNED) MICROSECOND
  AND NOT j.modifiedby <=> 'purge'
FOR UPDATE /*!80000 OF j */
----
DELETE FROM job_histories WHERE jobid IN :found
----
DELETE FROM job_steps WHERE jobid IN :found
----
UPDATE queue_jobs SET active = FALSE, payload = NULL, metadata = NULL, result = NULL, lasterror = NULL,
    progressnote = NULL, modifiedon = UTC_TIMESTAMP(6), modifiedby = 'purge', rowversionstamp = rowversionstamp + 1
WHERE id IN :found
