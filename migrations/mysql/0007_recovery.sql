-- Nothing to do here: on this database idx_jobs_incomplete_intervals holds schedules of every kind.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (7, 'recovery') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));
