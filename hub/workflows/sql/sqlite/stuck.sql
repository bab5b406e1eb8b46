-- Executions that run and have not moved for so many seconds. Plan: we_status.
SELECT workflow_id, workflow_type, progress, started_at, updated_at FROM workflow_executions
WHERE status = 'running' AND started_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (:seconds * -1.0) || ' seconds')
  AND updated_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (:seconds * -1.0) || ' seconds')
ORDER BY workflow_id LIMIT :limit
