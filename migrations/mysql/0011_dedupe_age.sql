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
