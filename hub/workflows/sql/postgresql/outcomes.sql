-- columns: id
-- What has become of the jobs of steps; those that are not there are left out. Plan: primary key.
SELECT id, statusid, lasterror FROM queue_jobs WHERE id = ANY (:id::text[])
