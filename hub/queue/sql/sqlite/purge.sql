-- columns: id
-- Delete finished jobs (:failed, or Completed and Cancelled ones) with their histories and steps, but for those that
-- hold a dedupe key that must still be known. Answers the ids that are gone. Plan: the unique index on id, jh_job.
DELETE FROM queue_jobs
WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
  AND CASE WHEN :failed THEN statusid = 4 ELSE statusid IN (3, 6) END
  AND (dedupekey IS NULL
       OR createdon <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:dedupe_retention || ' seconds'))
RETURNING id
