-- columns: id
-- What has become of the jobs of steps; those that are not there are left out. Plan: the unique index on id.
SELECT id, statusid, lasterror FROM queue_jobs WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
