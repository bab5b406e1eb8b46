-- columns: id
-- Executions as they stand, held until the end of the transaction; always in one order, so that nobody waits in a ring.
-- Plan: primary key.
SELECT e.workflow_id, e.workflow_type, e.status, e.context, e.progress, e.signals, e.definition_digest, e.version
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN workflow_executions e FORCE INDEX (PRIMARY) ON e.workflow_id = v.id
FOR UPDATE /*!80000 OF e */
