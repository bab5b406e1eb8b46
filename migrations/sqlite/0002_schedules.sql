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
