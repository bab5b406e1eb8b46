-- Nothing to do here: on this database a row that is changed stays where it is.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (9, 'workflow_room') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));
