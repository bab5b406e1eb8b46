-- A page of executions that run, in the order of their ids, behind :after. Plan: we_status.
SELECT workflow_id, progress FROM workflow_executions
WHERE status = 'running' AND workflow_id > :after ORDER BY workflow_id LIMIT :limit
