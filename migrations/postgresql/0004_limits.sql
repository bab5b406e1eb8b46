-- Limits over all instances: how much of each is taken, and by whom.
--
-- A row is read, decided upon and written behind its version, so that of two who decided at once one decides anew. What
-- an instance has taken is in `state` with a time at which it returns, should the instance be gone by then.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

CREATE TABLE IF NOT EXISTS job_limits (
    name       varchar(255) NOT NULL PRIMARY KEY,
    version    bigint       NOT NULL,
    state      text         NOT NULL,
    modifiedon timestamptz  NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS job_limits_age ON job_limits (modifiedon);

INSERT INTO hub_migrations (version, name) VALUES (4, 'limits') ON CONFLICT DO NOTHING;
COMMIT;
