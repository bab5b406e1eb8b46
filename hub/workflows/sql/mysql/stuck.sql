-- Executions that run and have not moved for so many seconds. Plan: we_status.
SELECT workflow_id, workflow_type, progress, started_at, updated_at FROM workflow_executions
WHERE status = 'running' AND started_at < UTC_TIMESTAMP(6) - INTERVAL CAST(:seconds * 1000000 AS SIGNED) MICROSECOND
  AND updated_at < UTC_TIMESTAMP(6) - INTERVAL CAST(:seconds * 1000000 AS SIGNED) MICROSECOND
ORDER BY workflow_id LIMIT :limit
