-- columns: id
-- Forget the dedupe keys of these rows; a row that stayed only to hold its key (hollow.sql) goes. Answers the ids.
-- Plan: primary key.
WITH gone AS (
    DELETE FROM queue_jobs WHERE id = ANY (:id::text[]) AND NOT active AND modifiedby = 'purge' RETURNING id
), freed AS (
    UPDATE queue_jobs SET dedupekey = NULL
    WHERE id = ANY (:id::text[]) AND dedupekey IS NOT NULL
      AND NOT (NOT active AND modifiedby IS NOT DISTINCT FROM 'purge')
    RETURNING id
)
SELECT id FROM gone UNION ALL SELECT id FROM freed
