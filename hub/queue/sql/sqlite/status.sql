-- The status of one job, without what may be long. Plan: the unique index on id.
SELECT statusid FROM queue_jobs WHERE id = :id
