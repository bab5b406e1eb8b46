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
