-- Pause or resume a schedule, by its id or else by its name. Plan: unique indexes.
SELECT id FROM jobs WHERE (id = :id OR name = :id) AND NOT is_deleted ORDER BY id = :id DESC LIMIT 1 FOR UPDATE
----
UPDATE jobs SET enabled = :enabled, modifiedby = :actor, modifiedon = UTC_TIMESTAMP(6),
    rowversionstamp = rowversionstamp + 1
WHERE id IN :found
