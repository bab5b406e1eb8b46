-- The status of one job, without what may be long. Plan: primary key.
SELECT statusid FROM queue_jobs WHERE id = :id::text
