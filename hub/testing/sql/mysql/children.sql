-- The jobs and messages that a job left behind, in the order in which it did. Plan: qj_parent.
SELECT * FROM queue_jobs WHERE parentjobid = :id ORDER BY seq
