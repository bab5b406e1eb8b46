-- Up to :limit jobs that were Completed or Cancelled more than :days ago, oldest first, for hollow.sql and purge.sql.
-- No index tells when a job ended, as every job would enter it. But ids of ours begin with the time of their making
-- (UUIDv7), and what ended that long ago was made before: so only older ids are looked at, and ids in no such form.
-- Plan: primary key, two ranges.
WITH edge AS MATERIALIZED (
    SELECT now() - make_interval(secs => :days::float8 * 86400) AS at
), stamp AS MATERIALIZED (
    SELECT lpad(to_hex((EXTRACT(EPOCH FROM at) * 1000)::bigint), 12, '0') AS before,
           lpad(to_hex((EXTRACT(EPOCH FROM now() + interval '1 day') * 1000)::bigint), 12, '0') AS after FROM edge
)
SELECT id FROM (
    (SELECT id FROM queue_jobs
     WHERE id < (SELECT left(before, 8) || '-' || right(before, 4) FROM stamp)
       AND statusid IN (3, 6) AND completedat < (SELECT at FROM edge) AND modifiedby IS DISTINCT FROM 'purge'
     ORDER BY id LIMIT :limit::int)
    UNION ALL
    (SELECT id FROM queue_jobs
     WHERE id > (SELECT left(after, 8) || '-' || right(after, 4) FROM stamp)
       AND statusid IN (3, 6) AND completedat < (SELECT at FROM edge) AND modifiedby IS DISTINCT FROM 'purge'
     ORDER BY id LIMIT :limit::int)
) old LIMIT :limit::int
