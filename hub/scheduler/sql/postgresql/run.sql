-- Make one row of `queue_jobs` as a fire of this schedule would, beside its times: they and its count stay as they are.
-- By its id or else by its name. Answers the row's queue and wakes its workers. Plan: unique indexes.
WITH fresh AS (
    INSERT INTO queue_jobs (id, typeid, handler, payload, queue, priority, maxretries, timeout, metadata, createdby)
    SELECT :jobid::text, 1, handler, payload, queue, priority, maxretries, timeout,
           CASE WHEN jsonb_typeof(metadata) = 'object' THEN metadata ELSE '{}' END
               || jsonb_build_object('scheduled_job_id', id), :actor::text
    FROM jobs WHERE (id = :id::text OR name = :id::text) AND NOT is_deleted ORDER BY id = :id::text DESC LIMIT 1
    RETURNING queue
)
SELECT COALESCE(queue, '') AS queue, pg_notify('hub_jobs', COALESCE(queue, ''))::text FROM fresh
