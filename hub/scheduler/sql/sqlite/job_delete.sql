-- Delete a schedule: the row stays, its name is free again, its run goes on without it. Plan: primary key.
UPDATE jobs SET is_deleted = TRUE, current_interval_id = NULL,
    name = substr(name, 1, 180) || ' (deleted ' || substr(id, -64) || ')',
    modifiedby = :actor, modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = rowversionstamp + 1
WHERE id = :id AND NOT is_deleted
RETURNING id
