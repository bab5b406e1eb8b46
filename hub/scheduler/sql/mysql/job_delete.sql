-- Delete a schedule: the row stays, its name is free again, its run goes on without it. Plan: primary key.
SELECT id FROM jobs WHERE id = :id AND NOT is_deleted FOR UPDATE
----
UPDATE jobs SET is_deleted = TRUE, current_interval_id = NULL,
    name = CONCAT(LEFT(name, 180), ' (deleted ', RIGHT(id, 64), ')'),
    modifiedby = :actor, modifiedon = UTC_TIMESTAMP(6), rowversionstamp = rowversionstamp + 1
WHERE id IN :found
----
SELECT id FROM jobs WHERE id IN :found
