-- Unique jobs, and jobs that wait for the children of their parent.
--
-- A row with a unique key is alone among those of its handler that are not final: the index forgets a row as it ends,
-- however that is written. A row that waits is parked (gate 2) until no child of its parent is left open. Bytes, as
-- blanks at the end of a key do count.

DO GET_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)), 3600);

SET @hub_missing = (SELECT COUNT(*) = 0 FROM information_schema.COLUMNS
                    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'queue_jobs' AND COLUMN_NAME = 'uniquekey');
SET @hub_statement = IF(@hub_missing, "ALTER TABLE queue_jobs
    ADD COLUMN uniquekey varchar(255),
    ADD COLUMN waits varchar(16),
    ADD COLUMN uniqueslot varbinary(2041) GENERATED ALWAYS AS (IF(
        statusid IN (0, 1, 2, 5, 7), CAST(CONCAT(handler, '\n', uniquekey) AS BINARY), NULL)) VIRTUAL INVISIBLE,
    ADD COLUMN waitingfor varchar(255) GENERATED ALWAYS AS (IF(
        waits IS NOT NULL AND statusid = 7, parentjobid, NULL)) VIRTUAL INVISIBLE,
    ADD UNIQUE KEY qj_unique (uniqueslot),
    ADD KEY qj_waiting (waitingfor)", 'DO 0');
PREPARE hub_change FROM @hub_statement;
EXECUTE hub_change;
DEALLOCATE PREPARE hub_change;

INSERT INTO hub_migrations (version, name) VALUES (8, 'unique_and_waiting') ON DUPLICATE KEY UPDATE version = hub_migrations.version;

DO RELEASE_LOCK(CONCAT('hub schema ', LEFT(SHA2(DATABASE(), 256), 32)));
