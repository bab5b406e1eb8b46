-- Adapters: how far each has read, and which instance may be connected where only one may.
--
-- A cursor is advanced in the transaction that inserts the rows of what was read: a message has a row exactly if the
-- cursor is past it. A lease is taken by raising its fence; whoever holds an older one renews nothing.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

CREATE TABLE IF NOT EXISTS adapter_cursors (
    adapter   varchar(255) NOT NULL,
    stream    varchar(512) NOT NULL,
    next      bigint       NOT NULL,
    updatedat timestamptz  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (adapter, stream)
-- Updated with every batch: room on the page, so that no index is touched.
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS adapter_leases (
    adapter    varchar(255) NOT NULL PRIMARY KEY,
    owner      varchar(255) NOT NULL,
    fence      bigint       NOT NULL,
    leaseuntil timestamptz  NOT NULL
);

INSERT INTO hub_migrations (version, name) VALUES (3, 'adapters') ON CONFLICT DO NOTHING;
COMMIT;
