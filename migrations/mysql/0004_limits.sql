-- Limits over all instances: how much of each is taken, and by whom.
--
-- A row is read, decided upon and written behind its version, so that of two who decided at once one decides anew. What
-- an instance has taken is in `state` with a time at which it returns, should the instance be gone by then.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS job_limits (
    name       varchar(255) NOT NULL PRIMARY KEY,
    version    bigint       NOT NULL,
    state      mediumtext   NOT NULL,
    modifiedon datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    KEY job_limits_age (modifiedon)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO hub_migrations (version, name) VALUES (4, 'limits') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));
