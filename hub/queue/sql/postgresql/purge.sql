-- columns: id
-- Delete finished jobs (:failed, or Completed and Cancelled ones) with their histories and steps, but for those that
-- hold a dedupe key that must still be known. Answers the ids that are gone.
-- Plan: primary key (looked at first, lest another condition's index be taken), jh_job.
WITH given AS MATERIALIZED (
    SELECT id, statusid, dedupekey, createdon FROM queue_jobs WHERE id = ANY (:id::text[]) ORDER BY id FOR UPDATE
)
DELETE FROM queue_jobs WHERE id = ANY (ARRAY(
    SELECT id FROM given
    WHERE CASE WHEN :failed::boolean THEN statusid = 4 ELSE statusid IN (3, 6) END
      AND (dedupekey IS NULL OR createdon <= now() - make_interval(secs => :dedupe_retention::float8))
))
RETURNING id
