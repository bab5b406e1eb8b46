-- Delete executions that completed or were cancelled so many seconds ago, with their steps. Plan: we_completed.
DELETE FROM workflow_executions WHERE workflow_id IN (
    SELECT workflow_id FROM workflow_executions
    WHERE completed_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (:seconds * -1.0) || ' seconds')
      AND completed_at IS NOT NULL AND status IN ('completed', 'cancelled')
    LIMIT :limit)
RETURNING workflow_id
