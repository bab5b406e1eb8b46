-- What the hub counts up in queue_jobs begins far from the end of its column.
--
-- The hub's statements take many rows: one that was inserted with the largest number made each of them fail, and with
-- it the claims, the rescue or the redrive of all others. AFTER, as a BEFORE would keep COPY from writing pages at
-- once; WHEN is judged without a call. The error is that of a CHECK (23514), which would be judged at each UPDATE.

BEGIN;
SELECT pg_advisory_xact_lock(7521962890311);

CREATE OR REPLACE FUNCTION hub_refuse_counters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % %', 'queue_jobs: retrycount, crashcount, attemptbase: 0 to 500000000;',
        'rowversionstamp: 0 to 1000000000;', 'fence: 0 to 4611686018427387904'
        USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER IF EXISTS qj_counters ON queue_jobs;
CREATE TRIGGER qj_counters AFTER INSERT ON queue_jobs FOR EACH ROW WHEN (NOT (
    NEW.retrycount BETWEEN 0 AND 500000000 AND NEW.crashcount BETWEEN 0 AND 500000000
    AND NEW.attemptbase BETWEEN 0 AND 500000000 AND NEW.rowversionstamp BETWEEN 0 AND 1000000000
    AND NEW.fence BETWEEN 0 AND 4611686018427387904
)) EXECUTE FUNCTION hub_refuse_counters();

INSERT INTO hub_migrations (version, name) VALUES (12, 'counters') ON CONFLICT DO NOTHING;
COMMIT;
