-- columns: id
-- Executions as they stand, held until the end of the transaction; always in one order, so that nobody waits in a ring.
-- What the hub does after it in this transaction goes by indexes, as on its own connections (hub.db.postgresql), and by
-- plans that are kept: a single step would be planned anew each time, for longer than it takes. This one has its plan kept
-- because nothing can be told from its ids before they are read: a plan made for them looks no better. Plan: primary key.
WITH planned AS MATERIALIZED (
    SELECT set_config('enable_seqscan', 'off', TRUE), set_config('random_page_cost', '1.1', TRUE),
           set_config('plan_cache_mode', 'force_generic_plan', TRUE)
)
SELECT workflow_id, workflow_type, status, context::text AS context, progress, signals, definition_digest, version
FROM workflow_executions, planned
WHERE workflow_id = ANY (ARRAY(SELECT unnest(:id::text[]))) ORDER BY workflow_id FOR UPDATE OF workflow_executions
