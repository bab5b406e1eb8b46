-- Up to :limit rows whose dedupe key is older than :seconds, for release_dedupe.sql. Plan: qj_dedupe_age.
SELECT id FROM queue_jobs
WHERE dedupekey IS NOT NULL AND createdon < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:seconds || ' seconds')
ORDER BY createdon LIMIT :limit
