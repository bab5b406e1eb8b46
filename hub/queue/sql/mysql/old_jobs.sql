-- Up to :limit jobs that were Completed or Cancelled more than :days ago, oldest first, for hollow.sql and purge.sql.
-- No index tells when a job ended, as every job would enter it. But ids of ours begin with the time of their making
-- (UUIDv7), and what ended that long ago was made before: so only older ids are looked at, and ids in no such form.
-- Plan: qj_id, two ranges.
SELECT id FROM (
    (SELECT id FROM queue_jobs FORCE INDEX (qj_id)
     WHERE id < LOWER(INSERT(LPAD(HEX(GREATEST(0, TIMESTAMPDIFF(MICROSECOND, '1970-01-01',
                UTC_TIMESTAMP(6) - INTERVAL CAST(:days * 86400 AS SIGNED) SECOND) DIV 1000)), 12, '0'), 9, 0, '-'))
       AND statusid IN (3, 6) AND NOT modifiedby <=> 'purge'
       AND completedat < UTC_TIMESTAMP(6) - INTERVAL CAST(:days * 86400 AS SIGNED) SECOND
     ORDER BY id LIMIT :limit)
    UNION ALL
    (SELECT id FROM queue_jobs FORCE INDEX (qj_id)
     WHERE id > LOWER(INSERT(LPAD(HEX(TIMESTAMPDIFF(MICROSECOND, '1970-01-01',
                UTC_TIMESTAMP(6) + INTERVAL 1 DAY) DIV 1000), 12, '0'), 9, 0, '-'))
       AND statusid IN (3, 6) AND NOT modifiedby <=> 'purge'
       AND completedat < UTC_TIMESTAMP(6) - INTERVAL CAST(:days * 86400 AS SIGNED) SECOND
     ORDER BY id LIMIT :limit)
) old LIMIT :limit
