-- Delete executions that completed or were cancelled so many seconds ago, with their steps. Plan: we_completed.
SELECT workflow_id FROM workflow_executions FORCE INDEX (we_completed)
WHERE completed_at < UTC_TIMESTAMP(6) - INTERVAL CAST(:seconds * 1000000 AS SIGNED) MICROSECOND
  AND status IN ('completed', 'cancelled')
LIMIT :limit FOR UPDATE SKIP LOCKED
----
DELETE FROM workflow_executions WHERE workflow_id IN :found
