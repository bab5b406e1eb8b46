-- Executions that run and have not moved for so many seconds, but for those in which a step waits for its time or, with
-- a time-out or for ever, for a signal. Plan: we_status, and for each of them ws_workflow and a primary key.
SELECT workflow_id, workflow_type, started_at, updated_at FROM workflow_executions e
WHERE status = 'running' AND started_at < clock_timestamp() - make_interval(secs => :seconds::float8)
  AND updated_at < clock_timestamp() - make_interval(secs => :seconds::float8)
  AND NOT EXISTS (
    SELECT 1 FROM workflow_steps s JOIN queue_jobs j ON j.id = s.step_id
    WHERE s.workflow_id = e.workflow_id AND s.status IN ('queued', 'waiting') AND j.statusid IN (5, 7)
      AND j.scheduledat > clock_timestamp())
ORDER BY workflow_id LIMIT :limit::int
