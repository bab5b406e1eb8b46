-- columns: id
-- What has become of the jobs of tasks; those that are not there are left out. Plan: the unique index on id.
SELECT id, statusid, crashcount, lasterror FROM queue_jobs WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
