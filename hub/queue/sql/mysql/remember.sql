-- Remember a step, if the job is still held under this fence (the row is locked against a rescue at the same time).
SELECT id FROM queue_jobs WHERE id = :id AND fence = :fence AND statusid = 2 FOR UPDATE
----
INSERT INTO job_steps (jobid, name, result) VALUES (:id, :name, :result) ON DUPLICATE KEY UPDATE result = :result
