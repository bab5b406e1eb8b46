-- Adapters: how far each has read, and which instance may be connected where only one may.
--
-- A cursor is advanced in the transaction that inserts the rows of what was read: a message has a row exactly if the
-- cursor is past it. A lease is taken by raising its fence; whoever holds an older one renews nothing.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS adapter_cursors (
    adapter   TEXT    NOT NULL CHECK (length(adapter) <= 255),
    stream    TEXT    NOT NULL CHECK (length(stream) <= 512),
    next      INTEGER NOT NULL,
    updatedat TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (adapter, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS adapter_leases (
    adapter    TEXT    NOT NULL PRIMARY KEY CHECK (length(adapter) <= 255),
    owner      TEXT    NOT NULL,
    fence      INTEGER NOT NULL,
    leaseuntil TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO hub_migrations (version, name) VALUES (3, 'adapters') ON CONFLICT DO NOTHING;
COMMIT;
