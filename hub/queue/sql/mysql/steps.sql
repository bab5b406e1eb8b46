-- What the steps of a job have left. Plan: primary key.
SELECT name, result FROM job_steps WHERE jobid = :id
