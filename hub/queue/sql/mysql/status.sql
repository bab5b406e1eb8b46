-- The status of one job, without what may be long. Plan: qj_id.
SELECT statusid FROM queue_jobs WHERE id = :id
