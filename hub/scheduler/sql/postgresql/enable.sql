-- Pause or resume a schedule, by its id or else by its name; the trigger tells the schedulers. Plan: unique indexes.
UPDATE jobs SET enabled = :enabled::boolean, modifiedby = :actor::text, modifiedon = clock_timestamp(),
    rowversionstamp = rowversionstamp + 1
WHERE id = (SELECT id FROM jobs WHERE (id = :id::text OR name = :id::text) AND NOT is_deleted
            ORDER BY id = :id::text DESC LIMIT 1)
RETURNING id
