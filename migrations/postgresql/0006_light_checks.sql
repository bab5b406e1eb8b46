-- The bounds of queue_jobs' columns as domains.
--
-- PostgreSQL reads and judges every CHECK of a table anew at each UPDATE, whatever the UPDATE sets: a tenth of what the
-- end of a job cost. A domain is kept ready, and asked only for what is set. The error is the same (23514).

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

DO $$ BEGIN
    IF to_regtype('hub_status') IS NULL THEN
        CREATE DOMAIN hub_status AS smallint CHECK (VALUE BETWEEN 0 AND 7);
        CREATE DOMAIN hub_natural AS integer CHECK (VALUE >= 0);
        CREATE DOMAIN hub_instant AS timestamptz
            CHECK (VALUE >= '0001-01-01 00:00+00' AND VALUE < '10000-01-01 00:00+00');
        CREATE DOMAIN hub_encoding AS varchar(16) CHECK (VALUE IN ('text', 'base64'));
        CREATE DOMAIN hub_seconds AS double precision CHECK (VALUE > 0);
    END IF;
END $$;

ALTER TABLE queue_jobs
    DROP CONSTRAINT IF EXISTS queue_jobs_statusid_check,
    DROP CONSTRAINT IF EXISTS queue_jobs_maxretries_check,
    DROP CONSTRAINT IF EXISTS queue_jobs_scheduledat_check,
    DROP CONSTRAINT IF EXISTS queue_jobs_payloadencoding_check,
    DROP CONSTRAINT IF EXISTS queue_jobs_timeout_check,
    ALTER COLUMN statusid TYPE hub_status,
    ALTER COLUMN maxretries TYPE hub_natural,
    ALTER COLUMN scheduledat TYPE hub_instant,
    ALTER COLUMN payloadencoding TYPE hub_encoding,
    ALTER COLUMN timeout TYPE hub_seconds;

INSERT INTO hub_migrations (version, name) VALUES (6, 'light_checks') ON CONFLICT DO NOTHING;
COMMIT;
