-- Limits over all instances.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (4, 'limits') ON CONFLICT DO NOTHING;
COMMIT;
