-- columns: id
-- Forget the dedupe keys of these rows; a row that stayed only to hold its key (hollow.sql) goes.
-- Plan: the unique index on id.
DELETE FROM queue_jobs
WHERE id IN (SELECT value ->> 0 FROM json_each(:rows)) AND NOT active AND modifiedby = 'purge'
----
UPDATE queue_jobs SET dedupekey = NULL
WHERE id IN (SELECT value ->> 0 FROM json_each(:rows)) AND dedupekey IS NOT NULL
RETURNING id
