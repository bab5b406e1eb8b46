-- columns: name
-- Disable the schedules of the configuration that are in it no more. Reads the table whole; run at a start or a reload.
UPDATE jobs SET enabled = FALSE, modifiedby = 'config', modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    rowversionstamp = rowversionstamp + 1
WHERE owner = 'config' AND enabled AND name NOT IN (SELECT value ->> 0 FROM json_each(:rows))
RETURNING name
