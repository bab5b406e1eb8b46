-- Nothing to do here: on this database a batch is one JSON text already.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (13, 'step_advance') ON CONFLICT DO NOTHING;
COMMIT;
