-- columns: id
-- Executions as they stand, held until the end of the transaction; always in one order, so that nobody waits in a ring.
-- Plan: primary key.
SELECT workflow_id, workflow_type, status, context::text AS context, progress, signals, definition_digest, version
FROM workflow_executions WHERE workflow_id = ANY (:id::text[]) ORDER BY workflow_id FOR UPDATE
