-- Schedules: which rows of `jobs` are due, and which of them somebody has changed.
--
-- job_plans.revision is raised by every change of what says when a job fires, whoever makes it; `planned` is the revision
-- that jobs.nextrunat was computed for. A table of its own, as a tick writes `jobs` and an edit must not be lost to it.
-- That each fire happens at most once is qj_dedupe's: source 'schedule:<id>', dedupekey the time of the fire.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

CREATE TABLE IF NOT EXISTS job_plans (
    jobid    varchar(255) NOT NULL PRIMARY KEY,
    revision bigint       NOT NULL DEFAULT 1,
    planned  bigint       NOT NULL DEFAULT 0
);
-- What is to be planned, and nothing else.
CREATE INDEX IF NOT EXISTS jp_changed ON job_plans (jobid) WHERE planned <> revision;

-- What fires next; rows that ask the database first stand apart, as none of them may hold up the others.
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (nextrunat)
    WHERE nextrunat IS NOT NULL AND enabled AND active AND NOT is_deleted AND condition IS NULL;
CREATE INDEX IF NOT EXISTS jobs_due_asking ON jobs (nextrunat)
    WHERE nextrunat IS NOT NULL AND enabled AND active AND NOT is_deleted AND condition IS NOT NULL;

-- The hub's languages end with the year 9999; what lies beyond, infinity too, is read as the end.
CREATE OR REPLACE FUNCTION hub_reachable(t timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN t > timestamptz '9999-12-31 00:00:00+00' THEN timestamptz '9999-12-31 00:00:00+00'
                WHEN t < timestamptz '0001-01-02 00:00:00+00' THEN timestamptz '0001-01-02 00:00:00+00' ELSE t END
$$;

CREATE OR REPLACE FUNCTION hub_job_redefined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_plans (jobid) VALUES (NEW.id) ON CONFLICT (jobid) DO UPDATE SET revision = job_plans.revision + 1;
    PERFORM pg_notify('hub_schedules', '');
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION hub_job_due_earlier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('hub_schedules', '');
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION hub_job_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM job_plans WHERE jobid = OLD.id;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS jobs_inserted ON jobs;
CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION hub_job_redefined();
DROP TRIGGER IF EXISTS jobs_redefined ON jobs;
CREATE TRIGGER jobs_redefined AFTER UPDATE OF id, cronexpression, intervalseconds, startat, endat, timezone, enabled,
    active, is_deleted, maxexecutions, condition, misfire, overlap, jitter, timeout, maxretries ON jobs FOR EACH ROW
WHEN ((OLD.id, OLD.cronexpression, OLD.intervalseconds, OLD.startat, OLD.endat, OLD.timezone, OLD.enabled, OLD.active,
       OLD.is_deleted, OLD.maxexecutions, OLD.condition, OLD.misfire, OLD.overlap, OLD.jitter, OLD.timeout,
       OLD.maxretries)
    IS DISTINCT FROM
      (NEW.id, NEW.cronexpression, NEW.intervalseconds, NEW.startat, NEW.endat, NEW.timezone, NEW.enabled, NEW.active,
       NEW.is_deleted, NEW.maxexecutions, NEW.condition, NEW.misfire, NEW.overlap, NEW.jitter, NEW.timeout,
       NEW.maxretries))
EXECUTE FUNCTION hub_job_redefined();
-- A count put back gives a completed job something to do again.
DROP TRIGGER IF EXISTS jobs_recounted ON jobs;
CREATE TRIGGER jobs_recounted AFTER UPDATE OF executioncount ON jobs FOR EACH ROW
WHEN (NEW.executioncount < OLD.executioncount) EXECUTE FUNCTION hub_job_redefined();
-- A time moved forward by hand, or planned by another instance.
DROP TRIGGER IF EXISTS jobs_due_earlier ON jobs;
CREATE TRIGGER jobs_due_earlier AFTER UPDATE OF nextrunat ON jobs FOR EACH ROW
WHEN (NEW.nextrunat < OLD.nextrunat OR OLD.nextrunat IS NULL AND NEW.nextrunat IS NOT NULL)
EXECUTE FUNCTION hub_job_due_earlier();
DROP TRIGGER IF EXISTS jobs_deleted ON jobs;
CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION hub_job_deleted();

INSERT INTO job_plans (jobid) SELECT id FROM jobs ON CONFLICT DO NOTHING;

INSERT INTO hub_migrations (version, name) VALUES (2, 'schedules') ON CONFLICT DO NOTHING;
COMMIT;
