-- Nothing to do here: on this database the age of dedupe keys is an index of the rows' own times already.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (11, 'dedupe_age') ON CONFLICT DO NOTHING;
COMMIT;
