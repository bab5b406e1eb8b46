-- Up to :limit rows whose dedupe key is older than :seconds, for release_dedupe.sql. Plan: qj_dedupe_age.
SELECT id FROM queue_jobs FORCE INDEX (qj_dedupe_age)
WHERE deduped = TRUE AND createdon < UTC_TIMESTAMP(6) - INTERVAL CAST(:seconds * 1000000 AS SIGNED) MICROSECOND
ORDER BY createdon LIMIT :limit
