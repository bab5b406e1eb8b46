-- columns: id
-- What has become of the jobs of tasks; those that are not there are left out. Plan: primary key.
SELECT id, statusid, crashcount, lasterror FROM queue_jobs WHERE id = ANY (:id::text[])
