-- One job, whole. Plan: primary key.
SELECT * FROM queue_jobs WHERE id = :id::text
