-- Delete a schedule: the row stays, its name is free again, its run goes on without it. Plan: primary key.
UPDATE jobs SET is_deleted = TRUE, current_interval_id = NULL, name = left(name, 180) || ' (deleted ' || right(id, 64) || ')',
    modifiedby = :actor::text, modifiedon = clock_timestamp(), rowversionstamp = rowversionstamp + 1
WHERE id = :id::text AND NOT is_deleted
RETURNING id
