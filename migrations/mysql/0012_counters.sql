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
