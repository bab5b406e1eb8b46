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
