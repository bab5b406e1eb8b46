-- Nothing to do here: on this database a batch is one JSON text already.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (10, 'workflow_rows') ON CONFLICT DO NOTHING;
COMMIT;
