-- Unique jobs, and jobs that wait for the children of their parent.
--
-- A row with a unique key is alone among those of its handler that are not final: the index forgets a row as it ends,
-- however that is written. A row that waits is parked (gate 2) until no child of its parent is left open.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

ALTER TABLE queue_jobs
    ADD COLUMN IF NOT EXISTS uniquekey varchar(255),
    ADD COLUMN IF NOT EXISTS waits     varchar(16);   -- ended or completed: what the children must be

CREATE UNIQUE INDEX IF NOT EXISTS qj_unique ON queue_jobs (handler, uniquekey)
    WHERE uniquekey IS NOT NULL AND statusid IN (0, 1, 2, 5, 7);
CREATE INDEX IF NOT EXISTS qj_waiting ON queue_jobs (parentjobid) WHERE waits IS NOT NULL AND statusid = 7;

INSERT INTO hub_migrations (version, name) VALUES (8, 'unique_and_waiting') ON CONFLICT DO NOTHING;
COMMIT;
