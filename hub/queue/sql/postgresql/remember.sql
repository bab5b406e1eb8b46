-- Remember a step, if the job is still held under this fence (the row is locked against a rescue at the same time).
WITH held AS (
    SELECT id FROM queue_jobs WHERE id = :id::text AND fence = :fence::bigint AND statusid = 2 FOR NO KEY UPDATE
)
INSERT INTO job_steps (jobid, name, result) SELECT id, :name::text, :result::text FROM held
ON CONFLICT (jobid, name) DO UPDATE SET result = EXCLUDED.result
RETURNING jobid
