-- One job, whole. Plan: the unique index on id.
SELECT * FROM queue_jobs WHERE id = :id
