-- Made from migrations/mysql/ by scripts/whole_migrations.py: edit those files instead.

SET @hub_mode = @@SESSION.sql_mode, SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';

-- 0001_queue.sql
-- The queue: queue_jobs, job_histories, jobs, and the hub's own small tables. MariaDB 10.11 or newer; MySQL 8.0.29 or
-- newer by its manual.
--
-- Runs by `mysql DATABASE < 0001_queue.sql` and by `hub migrate` alike, again and at the same time as another: under one
-- lock of the server's, every object IF NOT EXISTS (definitions commit by themselves here, so that a file which was cut
-- short is simply run again). Which indexes, and why: docs/claiming.md.
--
-- Texts compare by their bytes (utf8mb4_bin), save that blanks at the end do not count. Times are UTC, to the
-- microsecond. There are no partial indexes: virtual columns that nobody sees are NULL for the rows an index does not
-- mean, and all of those lie together at its beginning, where nobody walks.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS hub_migrations (
    version   integer      NOT NULL PRIMARY KEY,
    name      varchar(255) NOT NULL,
    checksum  varchar(64),                -- NULL when run by mysql; filled in by the next `hub migrate`
    appliedat datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Ids of rows inserted by plain SQL: UUIDv7 as text (time first, so that indexes grow at their end). The milliseconds
-- since 1970 are 48 bits, in two pieces; the rest is random, and what UUID() never says twice. Not with UTC_TIMESTAMP
-- nor RANDOM_BYTES, which MariaDB (10.11) sometimes takes for constants inside of a default: where a table has both
-- indexes on virtual columns and tables that refer to it, rows then got one and the same id.
CREATE TABLE IF NOT EXISTS queue_jobs (
    id              varchar(255) NOT NULL DEFAULT (LOWER(CONCAT(
                        INSERT(LPAD(HEX(CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS UNSIGNED)), 12, '0'), 9, 0, '-'),
                        '-7', LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', SUBSTRING('89ab', 1 + FLOOR(RAND() * 4), 1),
                        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-',
                        SUBSTRING(UUID(), 1, 8), LPAD(HEX(FLOOR(RAND() * 65536)), 4, '0')))),
    typeid          smallint     NOT NULL DEFAULT 2,
    method          varchar(64),
    protocol        varchar(32),
    direction       varchar(16)  NOT NULL DEFAULT 'internal',
    handler         varchar(255) NOT NULL,
    metadata        json,
    payload         longtext,
    result          longtext,
    statusid        smallint     NOT NULL DEFAULT 0 CHECK (statusid BETWEEN 0 AND 7),
    priority        integer      NOT NULL DEFAULT 0,
    maxretries      integer      CHECK (maxretries >= 0),  -- NULL: the handler's, else jobs.max_retries
    retrycount      integer      NOT NULL DEFAULT 0,
    scheduledat     datetime(6),
    startedat       datetime(6),
    completedat     datetime(6),
    lasterror       longtext,
    parentjobid     varchar(255),
    -- what the hub adds
    queue           varchar(100),                          -- NULL: the handler's, else 'default'
    contenttype     varchar(255) NOT NULL DEFAULT 'application/json',
    payloadencoding varchar(16)  NOT NULL DEFAULT 'text' CHECK (payloadencoding IN ('text', 'base64')),
    source          varchar(255) NOT NULL DEFAULT '',      -- with dedupekey: unique; NOT NULL, as NULLs never conflict
    dedupekey       varchar(255),
    orderingkey     varchar(255),                          -- jobs of one key run strictly one after another
    timeout         double       CHECK (timeout > 0),      -- seconds; NULL: the handler's, else jobs.default_timeout
    traceparent     varchar(255),
    fence           bigint       NOT NULL DEFAULT 0,       -- raised by every claim; a finish must name the one it got
    leaseowner      varchar(255),
    leaseuntil      datetime(6),
    crashcount      integer      NOT NULL DEFAULT 0,       -- leases that expired
    attemptbase     integer      NOT NULL DEFAULT 0,       -- attempts made before the last redrive
    unknownsince    datetime(6),                           -- since when no worker knew the handler
    failure         varchar(32),                           -- why Failed: transient, exhausted, permanent, poison, quarantined, unknown-handler
    cancelrequested boolean      NOT NULL DEFAULT FALSE,   -- asks the worker that runs it to stop
    progress        float,                                 -- 0 to 1, said by the handler
    progressnote    longtext,
    seq             bigint       NOT NULL AUTO_INCREMENT PRIMARY KEY,  -- arrival
    gate            smallint     NOT NULL DEFAULT 0,       -- 0 as inserted, 1 parked behind its key, 3 opened
    keyslot         varchar(255),                          -- the key this row holds while it runs; unique
    -- audit
    active          boolean      NOT NULL DEFAULT TRUE,    -- FALSE never runs
    referenceid     varchar(255),
    createdby       varchar(255),
    createdon       datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    modifiedby      varchar(255),
    modifiedon      datetime(6),
    rowversionstamp integer      NOT NULL DEFAULT 1,
    -- what the indexes mean; NULL: not in it
    openqueue       varchar(100) GENERATED ALWAYS AS (IF(
                        active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL),
                        COALESCE(queue, ''), NULL)) VIRTUAL INVISIBLE,
    dueat           datetime(6)  GENERATED ALWAYS AS (IF(
                        gate = 0 AND statusid IN (0, 1, 5, 7), scheduledat, NULL)) VIRTUAL INVISIBLE,
    livekey         varchar(255) GENERATED ALWAYS AS (IF(
                        statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL),
                        orderingkey, NULL)) VIRTUAL INVISIBLE,
    leaseends       datetime(6)  GENERATED ALWAYS AS (IF(
                        statusid = 2, COALESCE(leaseuntil, '1970-01-01 00:00:00'), NULL)) VIRTUAL INVISIBLE,
    dedupelength    smallint     GENERATED ALWAYS AS (CHAR_LENGTH(dedupekey)) VIRTUAL INVISIBLE,
    dedupedon       datetime(6)  GENERATED ALWAYS AS (IF(dedupekey IS NULL, NULL, createdon)) VIRTUAL INVISIBLE,
    dead            boolean      GENERATED ALWAYS AS (IF(statusid = 4, TRUE, NULL)) VIRTUAL INVISIBLE,
    UNIQUE KEY qj_id (id),
    -- What may run now, and nothing else: a claim walks it from its first entry. NULL queues stand under ''.
    KEY qj_claim (openqueue, priority DESC, seq),
    -- What waits for its time; the promotion opens it.
    KEY qj_due (dueat),
    -- The live rows of a key in their order; a scheduled row takes its place when it is due, an inactive one has none.
    KEY qj_key (livekey, seq),
    -- Leases; Processing without one (written by hand) has expired long since.
    KEY qj_lease (leaseends),
    -- One owner a key, whatever the snapshots say.
    UNIQUE KEY qj_keyslot (keyslot),
    -- One row a message. With the length, as blanks at the end of a key do count.
    UNIQUE KEY qj_dedupe (source, dedupekey, dedupelength),
    -- Dedupe keys by age, for the end of their retention.
    KEY qj_dedupe_age (dedupedon),
    KEY qj_parent (parentjobid),
    -- Dead letters, newest first.
    KEY qj_dead (dead, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT = DYNAMIC;

CREATE TABLE IF NOT EXISTS job_histories (
    id              varchar(255) NOT NULL PRIMARY KEY DEFAULT (LOWER(CONCAT(
                        INSERT(LPAD(HEX(CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS UNSIGNED)), 12, '0'), 9, 0, '-'),
                        '-7', LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', SUBSTRING('89ab', 1 + FLOOR(RAND() * 4), 1),
                        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-',
                        SUBSTRING(UUID(), 1, 8), LPAD(HEX(FLOOR(RAND() * 65536)), 4, '0')))),
    jobid           varchar(255) NOT NULL,
    executionid     varchar(255) NOT NULL DEFAULT (LOWER(CONCAT(
                        INSERT(LPAD(HEX(CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS UNSIGNED)), 12, '0'), 9, 0, '-'),
                        '-7', LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', SUBSTRING('89ab', 1 + FLOOR(RAND() * 4), 1),
                        LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-',
                        SUBSTRING(UUID(), 1, 8), LPAD(HEX(FLOOR(RAND() * 65536)), 4, '0')))),
    statusid        smallint     NOT NULL,
    startedat       datetime(6),
    completedat     datetime(6),
    duration        bigint,                                -- milliseconds
    result          longtext,                              -- 'Success', or the error's first line
    errormessage    longtext,
    retryattempt    integer      NOT NULL DEFAULT 0,
    executedby      varchar(255),
    inputdata       longtext,
    outputdata      longtext,
    metadata        json,
    active          boolean      NOT NULL DEFAULT TRUE,
    referenceid     varchar(255),
    createdby       varchar(255),
    createdon       datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    modifiedby      varchar(255),
    modifiedon      datetime(6),
    rowversionstamp integer      NOT NULL DEFAULT 1,
    KEY jh_job (jobid),
    KEY jh_started (startedat),
    CONSTRAINT jh_of_job FOREIGN KEY (jobid) REFERENCES queue_jobs (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT = DYNAMIC;

CREATE TABLE IF NOT EXISTS jobs (
    id                  varchar(255) NOT NULL PRIMARY KEY DEFAULT (LOWER(CONCAT(
                            INSERT(LPAD(HEX(CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000 AS UNSIGNED)), 12, '0'), 9, 0, '-'),
                            '-7', LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-', SUBSTRING('89ab', 1 + FLOOR(RAND() * 4), 1),
                            LPAD(HEX(FLOOR(RAND() * 4096)), 3, '0'), '-',
                            SUBSTRING(UUID(), 1, 8), LPAD(HEX(FLOOR(RAND() * 65536)), 4, '0')))),
    name                varchar(255) NOT NULL UNIQUE,
    description         longtext,
    typeid              smallint     NOT NULL DEFAULT 1,
    handler             varchar(255) NOT NULL,
    cronexpression      varchar(255),
    intervalseconds     integer,
    startat             datetime(6),
    endat               datetime(6),
    maxexecutions       integer      NOT NULL DEFAULT 0,
    executioncount      integer      NOT NULL DEFAULT 0,
    enabled             boolean      NOT NULL DEFAULT TRUE,
    `condition`         longtext,
    priority            integer      NOT NULL DEFAULT 0,
    maxretries          integer,
    timeout             double       NOT NULL DEFAULT 300,
    metadata            json,
    lastrunat           datetime(6),
    nextrunat           datetime(6),
    current_interval_id varchar(255),
    interval_progress   longtext,
    interval_started_at datetime(6),
    enable_recovery     boolean      NOT NULL DEFAULT TRUE,
    -- what the hub adds
    payload             longtext,
    queue               varchar(100),
    timezone            varchar(64)  NOT NULL DEFAULT 'UTC',
    misfire             varchar(16)  NOT NULL DEFAULT 'once',
    overlap             varchar(16)  NOT NULL DEFAULT 'allow',
    jitter              double       NOT NULL DEFAULT 0,
    lasterror           longtext,
    owner               varchar(64),
    is_deleted          boolean      NOT NULL DEFAULT FALSE,
    type                varchar(16)  GENERATED ALWAYS AS (
        CASE WHEN cronexpression IS NOT NULL OR intervalseconds IS NOT NULL THEN 'interval' ELSE 'scheduled' END) STORED,
    status              varchar(16)  GENERATED ALWAYS AS (
        CASE WHEN is_deleted THEN 'deleted' WHEN NOT enabled THEN 'paused'
             WHEN maxexecutions > 0 AND executioncount >= maxexecutions THEN 'completed' ELSE 'active' END) STORED,
    active              boolean      NOT NULL DEFAULT TRUE,
    referenceid         varchar(255),
    createdby           varchar(255),
    createdon           datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    modifiedby          varchar(255),
    modifiedon          datetime(6),
    rowversionstamp     integer      NOT NULL DEFAULT 1,
    -- what fires next; rows that ask the database first stand apart, as none of them may hold up the others
    dueat               datetime(6)  GENERATED ALWAYS AS (IF(
                            enabled AND active AND NOT is_deleted AND `condition` IS NULL, nextrunat, NULL)) VIRTUAL INVISIBLE,
    askingat            datetime(6)  GENERATED ALWAYS AS (IF(
                            enabled AND active AND NOT is_deleted AND `condition` IS NOT NULL, nextrunat, NULL)) VIRTUAL INVISIBLE,
    KEY jobs_due (dueat),
    KEY jobs_due_asking (askingat),
    KEY idx_jobs_incomplete_intervals (type, status, is_deleted, current_interval_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT = DYNAMIC;

-- What job.step remembers: a step that has a row here is not run again.
CREATE TABLE IF NOT EXISTS job_steps (
    jobid     varchar(255) NOT NULL,
    name      varchar(255) NOT NULL,
    result    longtext,
    createdon datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (jobid, name),
    CONSTRAINT js_of_job FOREIGN KEY (jobid) REFERENCES queue_jobs (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- API tokens made by `hub token create`; only their SHA-256 is kept.
CREATE TABLE IF NOT EXISTS hub_tokens (
    name      varchar(255) NOT NULL PRIMARY KEY,
    role      varchar(16)  NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    sha256    char(64)     NOT NULL UNIQUE,
    createdon datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    revokedon datetime(6)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO jobs (id, name, description, handler, cronexpression, enabled, priority, createdby) VALUES
    ('job-cleanup-old-histories', 'Cleanup old job histories', 'Deletes histories past their retention',
     'system.cleanup.histories', '0 2 * * *', TRUE, 1, 'system'),
    ('job-retry-failed-jobs', 'Retry failed jobs', 'Queues again what failed for a passing reason and has retries left',
     'system.retry.failed', '*/15 * * * *', TRUE, 5, 'system')
ON DUPLICATE KEY UPDATE id = jobs.id;

INSERT INTO hub_migrations (version, name) VALUES (1, 'queue') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0002_schedules.sql
-- Schedules: which rows of `jobs` are due, and which of them somebody has changed.
--
-- job_plans.revision is raised by every change of what says when a job fires, whoever makes it; `planned` is the revision
-- that jobs.nextrunat was computed for. A table of its own, as a tick writes `jobs` and an edit must not be lost to it.
-- That each fire happens at most once is qj_dedupe's: source 'schedule:<id>', dedupekey the time of the fire.
--
-- Where the server writes a binary log, whoever runs this needs the right to make triggers there (MySQL:
-- log_bin_trust_function_creators).

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS job_plans (
    jobid    varchar(255) NOT NULL PRIMARY KEY,
    revision bigint       NOT NULL DEFAULT 1,
    planned  bigint       NOT NULL DEFAULT 0,
    changed  boolean      GENERATED ALWAYS AS (IF(planned <> revision, TRUE, NULL)) VIRTUAL INVISIBLE,
    -- What is to be planned, and nothing else.
    KEY jp_changed (changed, jobid)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TRIGGER IF NOT EXISTS jobs_inserted AFTER INSERT ON jobs FOR EACH ROW
    INSERT INTO job_plans (jobid) VALUES (NEW.id) ON DUPLICATE KEY UPDATE revision = job_plans.revision + 1;

-- A count put back gives a completed job something to do again.
CREATE TRIGGER IF NOT EXISTS jobs_redefined AFTER UPDATE ON jobs FOR EACH ROW
    INSERT INTO job_plans (jobid) SELECT NEW.id FROM DUAL WHERE NEW.executioncount < OLD.executioncount OR NOT (
        OLD.id <=> NEW.id AND OLD.cronexpression <=> NEW.cronexpression AND OLD.intervalseconds <=>
        NEW.intervalseconds AND OLD.startat <=> NEW.startat AND OLD.endat <=> NEW.endat AND OLD.timezone <=>
        NEW.timezone AND OLD.enabled <=> NEW.enabled AND OLD.active <=> NEW.active AND OLD.is_deleted <=>
        NEW.is_deleted AND OLD.maxexecutions <=> NEW.maxexecutions AND OLD.`condition` <=> NEW.`condition` AND
        OLD.misfire <=> NEW.misfire AND OLD.overlap <=> NEW.overlap AND OLD.jitter <=> NEW.jitter AND
        OLD.timeout <=> NEW.timeout AND OLD.maxretries <=> NEW.maxretries)
    ON DUPLICATE KEY UPDATE revision = job_plans.revision + 1;

CREATE TRIGGER IF NOT EXISTS jobs_deleted AFTER DELETE ON jobs FOR EACH ROW DELETE FROM job_plans WHERE jobid = OLD.id;

INSERT INTO job_plans (jobid) SELECT id FROM jobs ON DUPLICATE KEY UPDATE jobid = job_plans.jobid;

INSERT INTO hub_migrations (version, name) VALUES (2, 'schedules') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0003_adapters.sql
-- Adapters: how far each has read, and which instance may be connected where only one may.
--
-- A cursor is advanced in the transaction that inserts the rows of what was read: a message has a row exactly if the
-- cursor is past it. A lease is taken by raising its fence; whoever holds an older one renews nothing.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS adapter_cursors (
    adapter   varchar(255) NOT NULL,
    stream    varchar(512) NOT NULL,
    next      bigint       NOT NULL,
    updatedat datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (adapter, stream)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS adapter_leases (
    adapter    varchar(255) NOT NULL PRIMARY KEY,
    owner      varchar(255) NOT NULL,
    fence      bigint       NOT NULL,
    leaseuntil datetime(6)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO hub_migrations (version, name) VALUES (3, 'adapters') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0004_limits.sql
-- Limits over all instances: how much of each is taken, and by whom.
--
-- A row is read, decided upon and written behind its version, so that of two who decided at once one decides anew. What
-- an instance has taken is in `state` with a time at which it returns, should the instance be gone by then.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TABLE IF NOT EXISTS job_limits (
    name       varchar(255) NOT NULL PRIMARY KEY,
    version    bigint       NOT NULL,
    state      mediumtext   NOT NULL,
    modifiedon datetime(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    KEY job_limits_age (modifiedon)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO hub_migrations (version, name) VALUES (4, 'limits') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0005_workflows.sql
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

-- 0006_light_checks.sql
-- Nothing to do here: on this database a CHECK costs an UPDATE nothing worth saving.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (6, 'light_checks') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0007_recovery.sql
-- Nothing to do here: on this database idx_jobs_incomplete_intervals holds schedules of every kind.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (7, 'recovery') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0008_unique_and_waiting.sql
-- Unique jobs, and jobs that wait for the children of their parent.
--
-- A row with a unique key is alone among those of its handler that are not final: the index forgets a row as it ends,
-- however that is written. A row that waits is parked (gate 2) until no child of its parent is left open. Bytes, as
-- blanks at the end of a key do count.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

SET @hub_missing = (SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
                    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'queue_jobs' AND COLUMN_NAME = 'uniquekey');
SET @hub_statement = IF(@hub_missing, "ALTER TABLE queue_jobs
    ADD COLUMN uniquekey varchar(255),
    ADD COLUMN waits varchar(16),
    ADD COLUMN uniqueslot varbinary(2041) GENERATED ALWAYS AS (IF(
        statusid IN (0, 1, 2, 5, 7), CAST(CONCAT(handler, '\n', uniquekey) AS BINARY), NULL)) VIRTUAL INVISIBLE,
    ADD COLUMN waitingfor varchar(255) GENERATED ALWAYS AS (IF(
        waits IS NOT NULL AND statusid = 7, parentjobid, NULL)) VIRTUAL INVISIBLE,
    ADD UNIQUE KEY qj_unique (uniqueslot),
    ADD KEY qj_waiting (waitingfor)", 'DO 0');
PREPARE hub_change FROM @hub_statement;
EXECUTE hub_change;
DEALLOCATE PREPARE hub_change;

INSERT INTO hub_migrations (version, name) VALUES (8, 'unique_and_waiting') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0009_workflow_room.sql
-- Nothing to do here: on this database a row that is changed stays where it is.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (9, 'workflow_room') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0010_workflow_rows.sql
-- Nothing to do here: on this database a batch is one JSON text already.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (10, 'workflow_rows') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0011_dedupe_age.sql
-- The age of dedupe keys is told by the time of the row itself.
--
-- A column computed from a default was computed before it: MySQL refused every row with a dedupe key and no time of its
-- own ("Incorrect datetime value: '0000-00-00'"). Whether there is a key comes from the key alone.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

SET @hub_missing = (SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
                    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'queue_jobs' AND COLUMN_NAME = 'deduped');
SET @hub_statement = IF(@hub_missing, "ALTER TABLE queue_jobs
    DROP KEY qj_dedupe_age,
    DROP COLUMN dedupedon,
    ADD COLUMN deduped boolean GENERATED ALWAYS AS (IF(dedupekey IS NULL, NULL, TRUE)) VIRTUAL INVISIBLE,
    ADD KEY qj_dedupe_age (deduped, createdon)", 'DO 0');
PREPARE hub_change FROM @hub_statement;
EXECUTE hub_change;
DEALLOCATE PREPARE hub_change;

INSERT INTO hub_migrations (version, name) VALUES (11, 'dedupe_age') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0012_counters.sql
-- What the hub counts up in queue_jobs begins far from the end of its column.
--
-- The hub's statements take many rows: one that was inserted with the largest number made each of them fail, and with
-- it the claims, the rescue or the redrive of all others. A CHECK would be judged at the hub's own UPDATEs too, and a
-- trigger of one statement can refuse nothing with a reason: what is out of the range is put to its end.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

CREATE TRIGGER IF NOT EXISTS qj_counters BEFORE INSERT ON queue_jobs FOR EACH ROW
    SET NEW.retrycount = LEAST(GREATEST(NEW.retrycount, 0), 500000000),
        NEW.crashcount = LEAST(GREATEST(NEW.crashcount, 0), 500000000),
        NEW.attemptbase = LEAST(GREATEST(NEW.attemptbase, 0), 500000000),
        NEW.rowversionstamp = LEAST(GREATEST(NEW.rowversionstamp, 0), 1000000000),
        NEW.fence = LEAST(GREATEST(NEW.fence, 0), 4611686018427387904);

INSERT INTO hub_migrations (version, name) VALUES (12, 'counters')
ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

-- 0013_step_advance.sql
-- Nothing to do here: on this database a batch is one JSON text already.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

INSERT INTO hub_migrations (version, name) VALUES (13, 'step_advance') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));

SET SESSION sql_mode = @hub_mode;
