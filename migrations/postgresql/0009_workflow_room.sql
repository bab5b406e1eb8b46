-- Room for the next version of a row beside the last one.
--
-- Workflows that were started together are changed together: all rows of a page at once, each a few times. With half of
-- a page left free the new versions stay in it and no index is touched. Pages that are full already stay as they are.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

ALTER TABLE workflow_executions SET (fillfactor = 45);
ALTER TABLE workflow_steps SET (fillfactor = 45);

INSERT INTO hub_migrations (version, name) VALUES (9, 'workflow_room') ON CONFLICT DO NOTHING;
COMMIT;
