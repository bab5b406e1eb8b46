-- Executions that run and have not moved for so many seconds. Plan: we_status.
SELECT workflow_id, workflow_type, progress, started_at, updated_at FROM workflow_executions
WHERE status = 'running' AND started_at < clock_timestamp() - make_interval(secs => :seconds::float8)
  AND updated_at < clock_timestamp() - make_interval(secs => :seconds::float8)
ORDER BY workflow_id LIMIT :limit::int
