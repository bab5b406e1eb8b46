-- Made from migrations/sqlite/ by scripts/whole_migrations.py: edit those files instead.

-- 0001_queue.sql
-- The queue: queue_jobs, job_histories, jobs, and the hub's own small tables. SQLite 3.38 or newer.
--
-- Runs by `sqlite3 FILE < 0001_queue.sql` and by `hub migrate` alike, and again: every object IF NOT EXISTS, in one
-- transaction. Which indexes, and why these predicates: docs/claiming.md.
--
-- Times are text of one form, 2026-01-31T09:05:00.000Z, whose order is the order in time. What people write in other
-- forms (2026-01-31 09:05:00, …+02:00) is put into it by the triggers below, where it is compared; no zone means UTC.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS hub_migrations (
    version   INTEGER PRIMARY KEY,
    name      TEXT NOT NULL,
    checksum  TEXT,                       -- NULL when run by sqlite3; filled in by the next `hub migrate`
    appliedat TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

-- Ids of rows inserted by plain SQL: UUIDv7 as text (time first, so that indexes grow at their end). The milliseconds
-- since 1970 are 48 bits, in two pieces; the rest is random.
CREATE TABLE IF NOT EXISTS queue_jobs (
    id              TEXT    NOT NULL UNIQUE CHECK (length(id) <= 255) DEFAULT (lower(printf('%08x-%04x-7%s-%s%s-%s',
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) >> 16,
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) & 65535,
                        substr(hex(randomblob(2)), 2), substr('89ab', 1 + (random() & 3), 1),
                        substr(hex(randomblob(2)), 2), hex(randomblob(6))))),
    typeid          INTEGER NOT NULL DEFAULT 2,
    method          TEXT    CHECK (length(method) <= 64),
    protocol        TEXT    CHECK (length(protocol) <= 32),
    direction       TEXT    NOT NULL DEFAULT 'internal' CHECK (length(direction) <= 16),
    handler         TEXT    NOT NULL CHECK (length(handler) <= 255),
    metadata        TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    payload         TEXT,
    result          TEXT,
    statusid        INTEGER NOT NULL DEFAULT 0 CHECK (statusid BETWEEN 0 AND 7),
    priority        INTEGER NOT NULL DEFAULT 0,
    maxretries      INTEGER CHECK (maxretries >= 0),      -- NULL: the handler's, else jobs.max_retries
    retrycount      INTEGER NOT NULL DEFAULT 0,
    scheduledat     TEXT    CHECK (scheduledat IS NULL OR julianday(scheduledat) IS NOT NULL),
    startedat       TEXT,
    completedat     TEXT,
    lasterror       TEXT,
    parentjobid     TEXT    CHECK (length(parentjobid) <= 255),
    -- what the hub adds
    queue           TEXT    CHECK (length(queue) <= 100), -- NULL: the handler's, else 'default'
    contenttype     TEXT    NOT NULL DEFAULT 'application/json' CHECK (length(contenttype) <= 255),
    payloadencoding TEXT    NOT NULL DEFAULT 'text' CHECK (payloadencoding IN ('text', 'base64')),
    source          TEXT    NOT NULL DEFAULT '' CHECK (length(source) <= 255), -- unique with dedupekey; NULL never conflicts
    dedupekey       TEXT    CHECK (length(dedupekey) <= 255),
    orderingkey     TEXT    CHECK (length(orderingkey) <= 255), -- jobs of one key run strictly one after another
    timeout         REAL    CHECK (timeout > 0),          -- seconds; NULL: the handler's, else jobs.default_timeout
    traceparent     TEXT    CHECK (length(traceparent) <= 255),
    fence           INTEGER NOT NULL DEFAULT 0,           -- raised by every claim; a finish must name the one it got
    leaseowner      TEXT    CHECK (length(leaseowner) <= 255),
    leaseuntil      TEXT,
    crashcount      INTEGER NOT NULL DEFAULT 0,           -- leases that expired
    attemptbase     INTEGER NOT NULL DEFAULT 0,           -- attempts made before the last redrive
    unknownsince    TEXT,                                 -- since when no worker knew the handler
    -- why Failed: transient, exhausted, permanent, poison, quarantined, unknown-handler
    failure         TEXT    CHECK (length(failure) <= 32),
    -- asks the worker that runs it to stop
    cancelrequested INTEGER NOT NULL DEFAULT FALSE CHECK (cancelrequested IN (0, 1)),
    progress        REAL,                                 -- 0 to 1, said by the handler
    progressnote    TEXT,
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,    -- arrival; never used twice
    gate            INTEGER NOT NULL DEFAULT 0,           -- 0 as inserted, 1 parked behind its key, 3 opened
    keyslot         TEXT    CHECK (length(keyslot) <= 255), -- the key this row holds while it runs; unique
    -- audit
    active          INTEGER NOT NULL DEFAULT TRUE CHECK (active IN (0, 1)), -- FALSE never runs
    referenceid     TEXT    CHECK (length(referenceid) <= 255),
    createdby       TEXT    CHECK (length(createdby) <= 255),
    createdon       TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    modifiedby      TEXT    CHECK (length(modifiedby) <= 255),
    modifiedon      TEXT,
    rowversionstamp INTEGER NOT NULL DEFAULT 1
) STRICT;

-- What may run now, and nothing else: a claim walks it from its first entry. NULL queues stand under ''.
CREATE INDEX IF NOT EXISTS qj_claim ON queue_jobs (COALESCE(queue, ''), priority DESC, seq)
    WHERE active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL);
-- What waits for its time; the promotion opens it. The test for NULL stands first, here and in qj_key: most rows fail
-- it, and SQLite tests in the order written.
CREATE INDEX IF NOT EXISTS qj_due ON queue_jobs (scheduledat)
    WHERE scheduledat IS NOT NULL AND gate = 0 AND statusid IN (0, 1, 5, 7);
-- The live rows of a key in their order; a scheduled row takes its place when it is due, an inactive one has none.
CREATE INDEX IF NOT EXISTS qj_key ON queue_jobs (orderingkey, seq)
    WHERE orderingkey IS NOT NULL
      AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL));
-- Leases.
CREATE INDEX IF NOT EXISTS qj_lease ON queue_jobs (leaseuntil) WHERE leaseuntil IS NOT NULL;
-- Processing without a lease (written by hand): empty unless somebody did that.
CREATE INDEX IF NOT EXISTS qj_leaseless ON queue_jobs (id) WHERE statusid = 2 AND leaseuntil IS NULL;
-- One owner a key.
CREATE UNIQUE INDEX IF NOT EXISTS qj_keyslot ON queue_jobs (keyslot) WHERE keyslot IS NOT NULL;
-- One row a message.
CREATE UNIQUE INDEX IF NOT EXISTS qj_dedupe ON queue_jobs (source, dedupekey) WHERE dedupekey IS NOT NULL;
-- Dedupe keys by age, for the end of their retention.
CREATE INDEX IF NOT EXISTS qj_dedupe_age ON queue_jobs (createdon) WHERE dedupekey IS NOT NULL;
CREATE INDEX IF NOT EXISTS qj_parent ON queue_jobs (parentjobid) WHERE parentjobid IS NOT NULL;
-- Dead letters, newest first.
CREATE INDEX IF NOT EXISTS qj_dead ON queue_jobs (seq) WHERE statusid = 4;

CREATE TRIGGER IF NOT EXISTS qj_time_inserted AFTER INSERT ON queue_jobs
WHEN NEW.scheduledat IS NOT NULL AND NEW.scheduledat <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.scheduledat) BEGIN
    UPDATE queue_jobs SET scheduledat = strftime('%Y-%m-%dT%H:%M:%fZ', scheduledat) WHERE seq = NEW.seq;
END;
CREATE TRIGGER IF NOT EXISTS qj_time_updated AFTER UPDATE OF scheduledat ON queue_jobs
WHEN NEW.scheduledat IS NOT NULL AND NEW.scheduledat <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.scheduledat) BEGIN
    UPDATE queue_jobs SET scheduledat = strftime('%Y-%m-%dT%H:%M:%fZ', scheduledat) WHERE seq = NEW.seq;
END;

CREATE TABLE IF NOT EXISTS job_histories (
    id              TEXT    NOT NULL PRIMARY KEY CHECK (length(id) <= 255)
                    DEFAULT (lower(printf('%08x-%04x-7%s-%s%s-%s',
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) >> 16,
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) & 65535,
                        substr(hex(randomblob(2)), 2), substr('89ab', 1 + (random() & 3), 1),
                        substr(hex(randomblob(2)), 2), hex(randomblob(6))))),
    jobid           TEXT    NOT NULL REFERENCES queue_jobs (id) ON DELETE CASCADE,
    executionid     TEXT    NOT NULL CHECK (length(executionid) <= 255) DEFAULT (lower(printf('%08x-%04x-7%s-%s%s-%s',
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) >> 16,
                        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) & 65535,
                        substr(hex(randomblob(2)), 2), substr('89ab', 1 + (random() & 3), 1),
                        substr(hex(randomblob(2)), 2), hex(randomblob(6))))),
    statusid        INTEGER NOT NULL,
    startedat       TEXT,
    completedat     TEXT,
    duration        INTEGER,                              -- milliseconds
    result          TEXT,                                 -- 'Success', or the error's first line
    errormessage    TEXT,
    retryattempt    INTEGER NOT NULL DEFAULT 0,
    executedby      TEXT    CHECK (length(executedby) <= 255),
    inputdata       TEXT,
    outputdata      TEXT,
    metadata        TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    active          INTEGER NOT NULL DEFAULT TRUE CHECK (active IN (0, 1)),
    referenceid     TEXT    CHECK (length(referenceid) <= 255),
    createdby       TEXT    CHECK (length(createdby) <= 255),
    createdon       TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    modifiedby      TEXT    CHECK (length(modifiedby) <= 255),
    modifiedon      TEXT,
    rowversionstamp INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX IF NOT EXISTS jh_job ON job_histories (jobid);
CREATE INDEX IF NOT EXISTS jh_started ON job_histories (startedat);

CREATE TABLE IF NOT EXISTS jobs (
    id                  TEXT    NOT NULL PRIMARY KEY CHECK (length(id) <= 255)
                        DEFAULT (lower(printf('%08x-%04x-7%s-%s%s-%s',
                            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) >> 16,
                            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) & 65535,
                            substr(hex(randomblob(2)), 2), substr('89ab', 1 + (random() & 3), 1),
                            substr(hex(randomblob(2)), 2), hex(randomblob(6))))),
    name                TEXT    NOT NULL UNIQUE CHECK (length(name) <= 255),
    description         TEXT,
    typeid              INTEGER NOT NULL DEFAULT 1,
    handler             TEXT    NOT NULL CHECK (length(handler) <= 255),
    cronexpression      TEXT    CHECK (length(cronexpression) <= 255),
    intervalseconds     INTEGER,
    startat             TEXT    CHECK (startat IS NULL OR julianday(startat) IS NOT NULL),
    endat               TEXT    CHECK (endat IS NULL OR julianday(endat) IS NOT NULL),
    maxexecutions       INTEGER NOT NULL DEFAULT 0,
    executioncount      INTEGER NOT NULL DEFAULT 0,
    enabled             INTEGER NOT NULL DEFAULT TRUE CHECK (enabled IN (0, 1)),
    condition           TEXT,
    priority            INTEGER NOT NULL DEFAULT 0,
    maxretries          INTEGER,
    timeout             REAL    NOT NULL DEFAULT 300,
    metadata            TEXT    CHECK (metadata IS NULL OR json_valid(metadata)),
    lastrunat           TEXT    CHECK (lastrunat IS NULL OR julianday(lastrunat) IS NOT NULL),
    nextrunat           TEXT    CHECK (nextrunat IS NULL OR julianday(nextrunat) IS NOT NULL),
    current_interval_id TEXT    CHECK (length(current_interval_id) <= 255),
    interval_progress   TEXT,
    interval_started_at TEXT    CHECK (interval_started_at IS NULL OR julianday(interval_started_at) IS NOT NULL),
    enable_recovery     INTEGER NOT NULL DEFAULT TRUE CHECK (enable_recovery IN (0, 1)),
    -- what the hub adds
    payload             TEXT,
    queue               TEXT    CHECK (length(queue) <= 100),
    timezone            TEXT    NOT NULL DEFAULT 'UTC' CHECK (length(timezone) <= 64),
    misfire             TEXT    NOT NULL DEFAULT 'once' CHECK (length(misfire) <= 16),
    overlap             TEXT    NOT NULL DEFAULT 'allow' CHECK (length(overlap) <= 16),
    jitter              REAL    NOT NULL DEFAULT 0,
    lasterror           TEXT,
    owner               TEXT    CHECK (length(owner) <= 64),
    is_deleted          INTEGER NOT NULL DEFAULT FALSE CHECK (is_deleted IN (0, 1)),
    type                TEXT    GENERATED ALWAYS AS (
        CASE WHEN cronexpression IS NOT NULL OR intervalseconds IS NOT NULL
             THEN 'interval' ELSE 'scheduled' END) STORED,
    status              TEXT    GENERATED ALWAYS AS (
        CASE WHEN is_deleted THEN 'deleted' WHEN NOT enabled THEN 'paused'
             WHEN maxexecutions > 0 AND executioncount >= maxexecutions THEN 'completed' ELSE 'active' END) STORED,
    active              INTEGER NOT NULL DEFAULT TRUE CHECK (active IN (0, 1)),
    referenceid         TEXT    CHECK (length(referenceid) <= 255),
    createdby           TEXT    CHECK (length(createdby) <= 255),
    createdon           TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    modifiedby          TEXT    CHECK (length(modifiedby) <= 255),
    modifiedon          TEXT,
    rowversionstamp     INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX IF NOT EXISTS idx_jobs_incomplete_intervals ON jobs (type, status, is_deleted, current_interval_id)
    WHERE type = 'interval' AND status = 'active' AND is_deleted = FALSE AND current_interval_id IS NOT NULL;

CREATE TRIGGER IF NOT EXISTS jobs_time_inserted AFTER INSERT ON jobs
WHEN COALESCE(NEW.startat, NEW.endat, NEW.lastrunat, NEW.nextrunat, NEW.interval_started_at) IS NOT NULL BEGIN
    UPDATE jobs SET startat = strftime('%Y-%m-%dT%H:%M:%fZ', startat), endat = strftime('%Y-%m-%dT%H:%M:%fZ', endat),
                    lastrunat = strftime('%Y-%m-%dT%H:%M:%fZ', lastrunat),
                    nextrunat = strftime('%Y-%m-%dT%H:%M:%fZ', nextrunat),
                    interval_started_at = strftime('%Y-%m-%dT%H:%M:%fZ', interval_started_at)
    WHERE id = NEW.id;
END;
CREATE TRIGGER IF NOT EXISTS jobs_time_updated
AFTER UPDATE OF startat, endat, lastrunat, nextrunat, interval_started_at ON jobs
WHEN NEW.startat <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.startat)
    OR NEW.endat <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.endat)
    OR NEW.lastrunat <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.lastrunat)
    OR NEW.nextrunat <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.nextrunat)
    OR NEW.interval_started_at <> strftime('%Y-%m-%dT%H:%M:%fZ', NEW.interval_started_at) BEGIN
    UPDATE jobs SET startat = strftime('%Y-%m-%dT%H:%M:%fZ', startat), endat = strftime('%Y-%m-%dT%H:%M:%fZ', endat),
                    lastrunat = strftime('%Y-%m-%dT%H:%M:%fZ', lastrunat),
                    nextrunat = strftime('%Y-%m-%dT%H:%M:%fZ', nextrunat),
                    interval_started_at = strftime('%Y-%m-%dT%H:%M:%fZ', interval_started_at)
    WHERE id = NEW.id;
END;

-- What job.step remembers: a step that has a row here is not run again.
CREATE TABLE IF NOT EXISTS job_steps (
    jobid     TEXT NOT NULL REFERENCES queue_jobs (id) ON DELETE CASCADE,
    name      TEXT NOT NULL CHECK (length(name) <= 255),
    result    TEXT,
    createdon TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (jobid, name)
) STRICT;

-- API tokens made by `hub token create`; only their SHA-256 is kept.
CREATE TABLE IF NOT EXISTS hub_tokens (
    name      TEXT NOT NULL PRIMARY KEY CHECK (length(name) <= 255),
    role      TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    sha256    TEXT NOT NULL UNIQUE CHECK (length(sha256) <= 64),
    createdon TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    revokedon TEXT
) STRICT;

INSERT INTO jobs (id, name, description, handler, cronexpression, enabled, priority, createdby) VALUES
    ('job-cleanup-old-histories', 'Cleanup old job histories', 'Deletes histories past their retention',
     'system.cleanup.histories', '0 2 * * *', TRUE, 1, 'system'),
    ('job-retry-failed-jobs', 'Retry failed jobs', 'Queues again what failed for a passing reason and has retries left',
     'system.retry.failed', '*/15 * * * *', TRUE, 5, 'system')
ON CONFLICT DO NOTHING;

INSERT INTO hub_migrations (version, name) VALUES (1, 'queue') ON CONFLICT DO NOTHING;
COMMIT;

-- 0002_schedules.sql
-- Schedules: which rows of `jobs` are due, and which of them somebody has changed.
--
-- job_plans.revision is raised by every change of what says when a job fires, whoever makes it; `planned` is the revision
-- that jobs.nextrunat was computed for. A table of its own, as a tick writes `jobs` and an edit must not be lost to it.
-- That each fire happens at most once is qj_dedupe's: source 'schedule:<id>', dedupekey the time of the fire.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS job_plans (
    jobid    TEXT    NOT NULL PRIMARY KEY CHECK (length(jobid) <= 255),
    revision INTEGER NOT NULL DEFAULT 1,
    planned  INTEGER NOT NULL DEFAULT 0
) STRICT;
-- What is to be planned, and nothing else.
CREATE INDEX IF NOT EXISTS jp_changed ON job_plans (jobid) WHERE planned <> revision;

-- What fires next; rows that ask the database first stand apart, as none of them may hold up the others.
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (nextrunat)
    WHERE nextrunat IS NOT NULL AND enabled AND active AND NOT is_deleted AND condition IS NULL;
CREATE INDEX IF NOT EXISTS jobs_due_asking ON jobs (nextrunat)
    WHERE nextrunat IS NOT NULL AND enabled AND active AND NOT is_deleted AND condition IS NOT NULL;

CREATE TRIGGER IF NOT EXISTS jobs_inserted AFTER INSERT ON jobs BEGIN
    INSERT INTO job_plans (jobid) VALUES (NEW.id) ON CONFLICT (jobid) DO UPDATE SET revision = revision + 1;
END;
CREATE TRIGGER IF NOT EXISTS jobs_redefined
AFTER UPDATE OF id, cronexpression, intervalseconds, startat, endat, timezone, enabled, active, is_deleted, maxexecutions,
    condition, misfire, overlap, jitter, timeout, maxretries ON jobs
WHEN (OLD.id, OLD.cronexpression, OLD.intervalseconds, OLD.startat, OLD.endat, OLD.timezone, OLD.enabled, OLD.active,
      OLD.is_deleted, OLD.maxexecutions, OLD.condition, OLD.misfire, OLD.overlap, OLD.jitter, OLD.timeout,
      OLD.maxretries)
    IS NOT
     (NEW.id, NEW.cronexpression, NEW.intervalseconds, NEW.startat, NEW.endat, NEW.timezone, NEW.enabled, NEW.active,
      NEW.is_deleted, NEW.maxexecutions, NEW.condition, NEW.misfire, NEW.overlap, NEW.jitter, NEW.timeout,
      NEW.maxretries) BEGIN
    INSERT INTO job_plans (jobid) VALUES (NEW.id) ON CONFLICT (jobid) DO UPDATE SET revision = revision + 1;
END;
-- A count put back gives a completed job something to do again.
CREATE TRIGGER IF NOT EXISTS jobs_recounted
AFTER UPDATE OF executioncount ON jobs WHEN NEW.executioncount < OLD.executioncount BEGIN
    INSERT INTO job_plans (jobid) VALUES (NEW.id) ON CONFLICT (jobid) DO UPDATE SET revision = revision + 1;
END;
CREATE TRIGGER IF NOT EXISTS jobs_deleted AFTER DELETE ON jobs BEGIN
    DELETE FROM job_plans WHERE jobid = OLD.id;
END;

INSERT INTO job_plans (jobid) SELECT id FROM jobs WHERE TRUE ON CONFLICT DO NOTHING;

INSERT INTO hub_migrations (version, name) VALUES (2, 'schedules') ON CONFLICT DO NOTHING;
COMMIT;

-- 0003_adapters.sql
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

-- 0004_limits.sql
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

-- 0005_workflows.sql
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

-- 0006_light_checks.sql
-- Nothing to do here: on this database a CHECK costs an UPDATE nothing worth saving.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (6, 'light_checks') ON CONFLICT DO NOTHING;
COMMIT;

-- 0007_recovery.sql
-- Runs of tasks that have not ended, of schedules of every kind: what recovery looks at, and nothing else.

BEGIN IMMEDIATE;

CREATE INDEX IF NOT EXISTS jobs_open_runs ON jobs (id) WHERE current_interval_id IS NOT NULL;

INSERT INTO hub_migrations (version, name) VALUES (7, 'recovery') ON CONFLICT DO NOTHING;
COMMIT;

-- 0008_unique_and_waiting.sql
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

-- 0009_workflow_room.sql
-- Nothing to do here: on this database a row that is changed stays where it is.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (9, 'workflow_room') ON CONFLICT DO NOTHING;
COMMIT;

-- 0010_workflow_rows.sql
-- Nothing to do here: on this database a batch is one JSON text already.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (10, 'workflow_rows') ON CONFLICT DO NOTHING;
COMMIT;

-- 0011_dedupe_age.sql
-- Nothing to do here: on this database the age of dedupe keys is an index of the rows' own times already.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (11, 'dedupe_age') ON CONFLICT DO NOTHING;
COMMIT;

-- 0012_counters.sql
-- What the hub counts up in queue_jobs begins far from the end of its column, and a priority is one on every database.
--
-- The hub's statements take many rows: one that was inserted with the largest number made each of them fail, and with
-- it the claims, the rescue or the redrive of all others.

BEGIN IMMEDIATE;

CREATE TRIGGER IF NOT EXISTS qj_counters BEFORE INSERT ON queue_jobs WHEN NOT (
    NEW.retrycount BETWEEN 0 AND 500000000 AND NEW.crashcount BETWEEN 0 AND 500000000
    AND NEW.attemptbase BETWEEN 0 AND 500000000 AND NEW.rowversionstamp BETWEEN 0 AND 1000000000
    AND NEW.fence BETWEEN 0 AND 4611686018427387904 AND NEW.priority BETWEEN -2147483648 AND 2147483647
) BEGIN
    -- One literal: before 3.47 the message of RAISE is no expression.
    SELECT RAISE(ABORT, 'queue_jobs: a priority of 32 bits; counts up to 500000000, a stamp to 1000000000, from 0');
END;

INSERT INTO hub_migrations (version, name) VALUES (12, 'counters') ON CONFLICT DO NOTHING;
COMMIT;

-- 0013_step_advance.sql
-- Nothing to do here: on this database a batch is one JSON text already.

BEGIN IMMEDIATE;

INSERT INTO hub_migrations (version, name) VALUES (13, 'step_advance') ON CONFLICT DO NOTHING;
COMMIT;
