-- Workflows.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

INSERT INTO hub_migrations (version, name) VALUES (5, 'workflows') ON CONFLICT DO NOTHING;
COMMIT;
