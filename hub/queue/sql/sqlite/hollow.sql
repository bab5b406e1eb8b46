-- columns: id
-- Of finished jobs that are to go (:failed, or Completed and Cancelled ones), empty those whose dedupe key must still
-- be known for a while: the row stays to hold the key, inactive, with nothing of the message left. Answers their ids.
-- Plan: the unique index on id, jh_job.
DELETE FROM job_histories WHERE jobid IN (
    SELECT id FROM queue_jobs
    WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
      AND CASE WHEN :failed THEN statusid = 4 ELSE statusid IN (3, 6) END
      AND dedupekey IS NOT NULL AND createdon > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:dedupe_retention || ' seconds')
)
----
DELETE FROM job_steps WHERE jobid IN (
    SELECT id FROM queue_jobs
    WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
      AND CASE WHEN :failed THEN statusid = 4 ELSE statusid IN (3, 6) END
      AND dedupekey IS NOT NULL AND createdon > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:dedupe_retention || ' seconds')
)
----
UPDATE queue_jobs SET active = FALSE, payload = NULL, metadata = NULL, result = NULL, lasterror = NULL,
    progressnote = NULL, modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), modifiedby = 'purge',
    rowversionstamp = rowversionstamp + 1
WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
  AND CASE WHEN :failed THEN statusid = 4 ELSE statusid IN (3, 6) END
  AND dedupekey IS NOT NULL AND createdon > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:dedupe_retention || ' seconds')
  AND modifiedby IS NOT 'purge'
RETURNING id
