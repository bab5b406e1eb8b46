-- columns: id
-- Executions as they stand, held until the end of the transaction; always in one order, so that nobody waits in a ring.
-- What the hub does after it in this transaction goes by indexes too, as on its own connections (hub.db.postgresql):
-- a plan made while a table was small would be kept. Plan: primary key.
WITH planned AS MATERIALIZED (
    SELECT set_config('enable_seqscan', 'off', TRUE), set_config('random_page_cost', '1.1', TRUE)
)
SELECT workflow_id, workflow_type, status, context::text AS context, progress, signals, definition_digest, version
FROM workflow_executions, planned WHERE workflow_id = ANY (:id::text[]) ORDER BY workflow_id FOR UPDATE OF workflow_executions
