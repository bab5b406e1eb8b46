-- Limits over all instances: how much of each is taken, and by whom.
--
-- A row is read, decided upon and written behind its version, so that of two who decided at once one decides anew. What
-- an instance has taken is in `state` with a time at which it returns, should the instance be gone by then.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS job_limits (
    name       TEXT    NOT NULL PRIMARY KEY CHECK (length(name) <= 255),
    version    INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    modifiedon TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
CREATE INDEX IF NOT EXISTS job_limits_age ON job_limits (modifiedon);

INSERT INTO hub_migrations (version, name) VALUES (4, 'limits') ON CONFLICT DO NOTHING;
COMMIT;
