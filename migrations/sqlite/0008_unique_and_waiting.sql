-- Unique jobs, and jobs that wait for the children of their parent.
--
-- A row with a unique key is alone among those of its handler that are not final: the index forgets a row as it ends,
-- however that is written. A row that waits is parked (gate 2) until no child of its parent is left open. Run again by
-- hand it says that the columns are there ("duplicate column name"), and changes nothing.

BEGIN IMMEDIATE;

ALTER TABLE queue_jobs ADD COLUMN uniquekey TEXT CHECK (length(uniquekey) <= 255);
ALTER TABLE queue_jobs ADD COLUMN waits TEXT CHECK (waits IN ('ended', 'completed'));

CREATE UNIQUE INDEX IF NOT EXISTS qj_unique ON queue_jobs (handler, uniquekey)
    WHERE uniquekey IS NOT NULL AND statusid IN (0, 1, 2, 5, 7);
CREATE INDEX IF NOT EXISTS qj_waiting ON queue_jobs (parentjobid) WHERE waits IS NOT NULL AND statusid = 7;

INSERT INTO hub_migrations (version, name) VALUES (8, 'unique_and_waiting') ON CONFLICT DO NOTHING;
COMMIT;
