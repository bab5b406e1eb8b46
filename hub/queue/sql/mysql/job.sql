-- One job, whole. Plan: qj_id.
SELECT * FROM queue_jobs WHERE id = :id
