-- Workflows: one row an execution, one row a step that has begun.
--
-- A step is a job of the same id: queue_jobs' unique id makes each step begin once. workflow_executions.progress has
-- the state of every step that has begun, by name; it is what decides, read and written in the transaction that
-- completes the step's job. workflow_steps tells people the same.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS workflow_executions (
    workflow_id       TEXT    NOT NULL PRIMARY KEY CHECK (length(workflow_id) <= 255)
                      DEFAULT (lower(printf('%08x-%04x-7%s-%s%s-%s',
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) >> 16,
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) & 65535,
                        substr(hex(randomblob(2)), 2), substr('89ab', 1 + (random() & 3), 1),
                        substr(hex(randomblob(2)), 2), hex(randomblob(6))))),
    workflow_type     TEXT    NOT NULL CHECK (length(workflow_type) <= 255),
    status            TEXT    NOT NULL DEFAULT 'pending'
                      CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    context           TEXT    CHECK (context IS NULL OR json_valid(context)),
    started_at        TEXT,
    completed_at      TEXT,
    created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    -- what the hub adds
    definition        TEXT,                               -- JSON; this execution runs by it whatever changes elsewhere
    definition_digest TEXT    CHECK (length(definition_digest) <= 64),
    progress          TEXT    NOT NULL DEFAULT '{}',      -- JSON: step → state
    signals           TEXT    NOT NULL DEFAULT '{}',      -- JSON: name → payload, of those that came
    error_message     TEXT,
    version           INTEGER NOT NULL DEFAULT 0,         -- raised by every change; whoever changes alone names it
    created_by        TEXT    CHECK (length(created_by) <= 255)
) STRICT;
-- What runs, what has failed: for the monitors and for lists.
CREATE INDEX IF NOT EXISTS we_status ON workflow_executions (status, workflow_id);
-- What has ended, by age.
CREATE INDEX IF NOT EXISTS we_completed ON workflow_executions (completed_at) WHERE completed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS workflow_steps (
    step_id           TEXT    NOT NULL PRIMARY KEY CHECK (length(step_id) <= 255),
    workflow_id       TEXT    REFERENCES workflow_executions (workflow_id) ON DELETE CASCADE,
    step_name         TEXT    NOT NULL CHECK (length(step_name) <= 255),
    status            TEXT    NOT NULL,                   -- queued, waiting, completed, failed, cancelled
    input_data        TEXT    CHECK (input_data IS NULL OR json_valid(input_data)),
    output_data       TEXT    CHECK (output_data IS NULL OR json_valid(output_data)),
    error_message     TEXT,
    started_at        TEXT,
    completed_at      TEXT,
    created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS ws_workflow ON workflow_steps (workflow_id, step_name);

INSERT INTO hub_migrations (version, name) VALUES (5, 'workflows') ON CONFLICT DO NOTHING;
COMMIT;
