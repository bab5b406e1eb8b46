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
