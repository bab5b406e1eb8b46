-- Executions that nobody has begun: rows inserted by SQL. Plan: we_status.
SELECT workflow_id FROM workflow_executions WHERE status = 'pending' ORDER BY workflow_id LIMIT :limit::int
