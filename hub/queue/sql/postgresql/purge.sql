-- columns: id
-- Delete finished jobs (:failed, or Completed and Cancelled ones) with their histories and steps, but for those that
-- hold a dedupe key that must still be known. Answers the ids that are gone. Plan: primary key, jh_job.
DELETE FROM queue_jobs
WHERE id = ANY (:id::text[]) AND CASE WHEN :failed::boolean THEN statusid = 4 ELSE statusid IN (3, 6) END
  AND (dedupekey IS NULL OR createdon <= now() - make_interval(secs => :dedupe_retention::float8))
RETURNING id
