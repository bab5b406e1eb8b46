-- Workflows.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (5, 'workflows') ON CONFLICT DO NOTHING;
COMMIT;
