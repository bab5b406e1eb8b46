-- Pause or resume a schedule, by its id or else by its name. Plan: unique indexes.
UPDATE jobs SET enabled = :enabled, modifiedby = :actor, modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    rowversionstamp = rowversionstamp + 1
WHERE id = (SELECT id FROM jobs WHERE (id = :id OR name = :id) AND NOT is_deleted ORDER BY id = :id DESC LIMIT 1)
RETURNING id
