-- Runs of tasks that have not ended, of schedules of every kind: what recovery looks at, and nothing else.

BEGIN IMMEDIATE;

CREATE INDEX IF NOT EXISTS jobs_open_runs ON jobs (id) WHERE current_interval_id IS NOT NULL;

INSERT INTO hub_migrations (version, name) VALUES (7, 'recovery') ON CONFLICT DO NOTHING;
COMMIT;
