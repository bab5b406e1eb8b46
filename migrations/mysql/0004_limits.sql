-- Limits over all instances.

DO GET_LOCK(CONCAT('hub schema ', MD5(DATABASE())), 3600);

INSERT INTO hub_migrations (version, name) VALUES (4, 'limits') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', MD5(DATABASE())));
