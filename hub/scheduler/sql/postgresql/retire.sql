-- columns: name
-- Disable the schedules of the configuration that are in it no more. Reads the table whole; run at a start or a reload.
UPDATE jobs SET enabled = FALSE, modifiedby = 'config', modifiedon = clock_timestamp(),
    rowversionstamp = rowversionstamp + 1
WHERE owner = 'config' AND enabled AND name <> ALL (:name::text[])
RETURNING name
