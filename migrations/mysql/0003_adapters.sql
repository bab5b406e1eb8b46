-- Adapters: how far each has read, and which instance may be connected where only one may.
--
-- A cursor is advanced in the transaction that inserts the rows of what was read: a message has a row exactly if the
-- cursor is past it. A lease is taken by raising its fence; whoever holds an older one renews nothing.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS adapter_cursors (
    adapter   varchar(255) NOT NULL,
    stream    varchar(512) NOT NULL,
    next      bigint       NOT NULL,
    updatedat datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (adapter, stream)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS adapter_leases (
    adapter    varchar(255) NOT NULL PRIMARY KEY,
    owner      varchar(255) NOT NULL,
    fence      bigint       NOT NULL,
    leaseuntil datetime(6)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO hub_migrations (version, name) VALUES (3, 'adapters') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));
