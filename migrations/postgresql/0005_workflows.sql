-- Workflows: one row an execution, one row a step that has begun.
--
-- A step is a job of the same id: queue_jobs' primary key makes each step begin once. workflow_executions.progress has
-- the state of every step that has begun, by name; it is what decides, read and written under the row's lock, in the
-- transaction that completes the step's job. workflow_steps tells people the same.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

CREATE TABLE IF NOT EXISTS workflow_executions (
    workflow_id       varchar(255) NOT NULL DEFAULT hub_uuid7() PRIMARY KEY,
    workflow_type     varchar(255) NOT NULL,
    status            varchar(16)  NOT NULL DEFAULT 'pending',  -- pending, running, completed, failed, cancelled
    context           jsonb,
    started_at        timestamptz,
    completed_at      timestamptz,
    created_at        timestamptz  NOT NULL DEFAULT clock_timestamp(),
    updated_at        timestamptz  NOT NULL DEFAULT clock_timestamp(),
    -- what the hub adds
    definition        text,                                -- JSON; this execution runs by it whatever changes elsewhere
    definition_digest varchar(64),
    progress          text         NOT NULL DEFAULT '{}',  -- JSON: step → state
    signals           text         NOT NULL DEFAULT '{}',  -- JSON: name → payload, of those that came
    error_message     text,
    version           bigint       NOT NULL DEFAULT 0,     -- raised by every change; whoever changes alone names it
    created_by        varchar(255)
) WITH (fillfactor = 70);
-- What runs, what has failed: for the monitors and for lists.
CREATE INDEX IF NOT EXISTS we_status ON workflow_executions (status, workflow_id);
-- What has ended, by age.
CREATE INDEX IF NOT EXISTS we_completed ON workflow_executions (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS workflow_steps (
    step_id           varchar(255) NOT NULL PRIMARY KEY,
    workflow_id       varchar(255) REFERENCES workflow_executions (workflow_id) ON DELETE CASCADE,
    step_name         varchar(255) NOT NULL,
    status            varchar(16)  NOT NULL,               -- queued, waiting, completed, failed, cancelled
    input_data        jsonb,
    output_data       jsonb,
    error_message     text,
    started_at        timestamptz,
    completed_at      timestamptz,
    created_at        timestamptz  NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX IF NOT EXISTS ws_workflow ON workflow_steps (workflow_id, step_name);

INSERT INTO hub_migrations (version, name) VALUES (5, 'workflows') ON CONFLICT DO NOTHING;
COMMIT;
