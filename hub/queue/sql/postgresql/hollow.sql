-- columns: id
-- Of finished jobs that are to go (:failed, or Completed and Cancelled ones), empty those whose dedupe key must still
-- be known for a while: the row stays to hold the key, inactive, with nothing of the message left. Answers their ids.
-- Plan: primary key (looked at first, lest another condition's index be taken), jh_job.
WITH given AS MATERIALIZED (
    SELECT id, statusid, dedupekey, createdon, modifiedby FROM queue_jobs WHERE id = ANY (:id::text[])
    ORDER BY id FOR UPDATE
), emptied AS (
    UPDATE queue_jobs SET active = FALSE, payload = NULL, metadata = NULL, result = NULL, lasterror = NULL,
        progressnote = NULL, modifiedon = clock_timestamp(), modifiedby = 'purge', rowversionstamp = rowversionstamp + 1
    WHERE id = ANY (ARRAY(
        SELECT id FROM given
        WHERE CASE WHEN :failed::boolean THEN statusid = 4 ELSE statusid IN (3, 6) END
          AND dedupekey IS NOT NULL AND createdon > now() - make_interval(secs => :dedupe_retention::float8)
          AND modifiedby IS DISTINCT FROM 'purge'
    ))
    RETURNING id
), histories AS (
    DELETE FROM job_histories WHERE jobid IN (SELECT id FROM emptied)
), steps AS (
    DELETE FROM job_steps WHERE jobid IN (SELECT id FROM emptied)
)
SELECT id FROM emptied
