-- Workflows: one row an execution, one row a step that has begun.
--
-- A step is a job of the same id: queue_jobs' unique id makes each step begin once. workflow_executions.progress has
-- the state of every step that has begun, by name; it is what decides, read and written under the row's lock, in the
-- transaction that completes the step's job. workflow_steps tells people the same.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS workflow_executions (
    workflow_id       varchar(255) NOT NULL PRIMARY KEY DEFAULT (LOWER(CONCAT(
                          INSERT(LPAD(HEX(CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS UNSIGNED)), 12, '0'), 9, 0, '-'),
                          '-7', LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', SUBSTRING('89ab', 1 + FLOOR(RAND() * 4), 1),
                          LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-',
                          SUBSTRING(UUID(), 1, 8), LPAD(HEX(FLOOR(RAND() * 65536)), 4, '0')))),
    workflow_type     varchar(255) NOT NULL,
    status            varchar(16)  NOT NULL DEFAULT 'pending'
                      CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    context           json,
    started_at        datetime(6),
    completed_at      datetime(6),
    created_at        datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    updated_at        datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    -- what the hub adds
    definition        longtext,                            -- JSON; this execution runs by it whatever changes elsewhere
    definition_digest varchar(64),
    progress          longtext     NOT NULL DEFAULT ('{}'), -- JSON: step → state
    signals           longtext     NOT NULL DEFAULT ('{}'), -- JSON: name → payload, of those that came
    error_message     longtext,
    version           bigint       NOT NULL DEFAULT 0,     -- raised by every change; whoever changes alone names it
    created_by        varchar(255),
    -- What runs, what has failed: for the monitors and for lists.
    KEY we_status (status, workflow_id),
    -- What has ended, by age.
    KEY we_completed (completed_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT = DYNAMIC;

CREATE TABLE IF NOT EXISTS workflow_steps (
    step_id           varchar(255) NOT NULL PRIMARY KEY,
    workflow_id       varchar(255),
    step_name         varchar(255) NOT NULL,
    status            varchar(16)  NOT NULL,               -- queued, waiting, completed, failed, cancelled
    input_data        json,
    output_data       json,
    error_message     longtext,
    started_at        datetime(6),
    completed_at      datetime(6),
    created_at        datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    UNIQUE KEY ws_workflow (workflow_id, step_name),
    CONSTRAINT ws_of_workflow FOREIGN KEY (workflow_id) REFERENCES workflow_executions (workflow_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT = DYNAMIC;

INSERT INTO hub_migrations (version, name) VALUES (5, 'workflows') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));
