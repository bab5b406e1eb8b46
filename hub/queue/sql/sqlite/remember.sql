-- Remember a step, if the job is still held under this fence.
INSERT INTO job_steps (jobid, name, result)
SELECT id, :name, :result FROM queue_jobs WHERE id = :id AND fence = :fence AND statusid = 2
ON CONFLICT (jobid, name) DO UPDATE SET result = excluded.result
RETURNING jobid
