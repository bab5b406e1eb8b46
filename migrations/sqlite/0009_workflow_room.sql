-- Nothing to do here: on this database a row that is changed stays where it is.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (9, 'workflow_room') ON CONFLICT DO NOTHING;
COMMIT;
