-- Nothing to do here: on this database a CHECK costs an UPDATE nothing worth saving.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (6, 'light_checks') ON CONFLICT DO NOTHING;
COMMIT;
