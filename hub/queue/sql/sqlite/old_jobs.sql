-- Up to :limit jobs that were Completed or Cancelled more than :days ago, oldest first, for hollow.sql and purge.sql.
-- No index tells when a job ended, as every job would enter it. But ids of ours begin with the time of their making
-- (UUIDv7), and what ended that long ago was made before: so only older ids are looked at, and ids in no such form.
-- Plan: the unique index on id, two ranges.
WITH stamp AS MATERIALIZED (
    SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:days || ' days') AS at,
           printf('%012x', CAST(max(0, julianday('now') - 2440587.5 - :days) * 86400000 AS INTEGER)) AS before,
           printf('%012x', CAST((julianday('now') - 2440587.5 + 1) * 86400000 AS INTEGER)) AS after
)
SELECT id FROM (
    SELECT * FROM (
        SELECT id FROM queue_jobs
        WHERE id < (SELECT substr(before, 1, 8) || '-' || substr(before, 9) FROM stamp)
          AND statusid IN (3, 6) AND completedat < (SELECT at FROM stamp) AND modifiedby IS NOT 'purge'
        ORDER BY id LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT id FROM queue_jobs
        WHERE id > (SELECT substr(after, 1, 8) || '-' || substr(after, 9) FROM stamp)
          AND statusid IN (3, 6) AND completedat < (SELECT at FROM stamp) AND modifiedby IS NOT 'purge'
        ORDER BY id LIMIT :limit)
) LIMIT :limit
