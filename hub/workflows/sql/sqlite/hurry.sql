-- columns: id
-- Let these jobs, which wait for their time, be due now. Plan: the unique index on id.
UPDATE queue_jobs SET scheduledat = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE id IN (SELECT value ->> 0 FROM json_each(:rows)) AND scheduledat > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  AND gate = 0 AND statusid IN (0, 1, 5, 7)
