-- Delete executions that completed or were cancelled so many seconds ago, with their steps. Plan: we_completed.
DELETE FROM workflow_executions WHERE workflow_id = ANY (ARRAY(
    SELECT workflow_id FROM workflow_executions
    WHERE completed_at < clock_timestamp() - make_interval(secs => :seconds::float8) AND completed_at IS NOT NULL
      AND status IN ('completed', 'cancelled')
    LIMIT :limit::int FOR UPDATE SKIP LOCKED))
RETURNING workflow_id
