-- One execution. Plan: primary key.
SELECT workflow_id, workflow_type, status, context, started_at, completed_at, created_at, updated_at, error_message,
       definition, progress, signals, created_by
FROM workflow_executions WHERE workflow_id = :id
