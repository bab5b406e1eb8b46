-- A page of executions, newest first by id (ours carry their time); :cursor is the last id of the page before.
-- Plan: primary key, backwards.
SELECT workflow_id, workflow_type, status, started_at, completed_at, created_at, updated_at, error_message, progress
FROM workflow_executions
WHERE (:cursor IS NULL OR workflow_id < :cursor)
  AND (:status IS NULL OR status = :status)
  AND (:type IS NULL OR workflow_type = :type)
  AND (:since IS NULL OR created_at >= :since)
ORDER BY workflow_id DESC LIMIT :limit
