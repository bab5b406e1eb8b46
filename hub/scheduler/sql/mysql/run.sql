-- Make one row of `queue_jobs` as a fire of this schedule would, beside its times: they and its count stay as they are.
-- By its id or else by its name. Answers the row's queue. Plan: unique indexes.
INSERT INTO queue_jobs (id, typeid, handler, payload, queue, priority, maxretries, timeout, metadata, createdby)
SELECT :jobid, 1, handler, payload, queue, priority, maxretries, timeout,
       JSON_SET(IF(JSON_TYPE(metadata) = 'OBJECT', metadata, '{}'), '$.scheduled_job_id', id), :actor
FROM jobs WHERE (id = :id OR name = :id) AND NOT is_deleted ORDER BY id = :id DESC LIMIT 1
----
SELECT COALESCE(queue, '') AS queue FROM queue_jobs WHERE id = :jobid
