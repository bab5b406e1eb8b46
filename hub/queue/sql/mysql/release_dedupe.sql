-- columns: id
-- Forget the dedupe keys of these rows; a row that stayed only to hold its key (hollow.sql) goes. Answers the ids.
-- Plan: qj_id.
SELECT j.id FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE j.dedupekey IS NOT NULL
FOR UPDATE /*!80000 OF j */
----
DELETE FROM queue_jobs WHERE id IN :found AND NOT active AND modifiedby = 'purge'
----
UPDATE queue_jobs SET dedupekey = NULL WHERE id IN :found
