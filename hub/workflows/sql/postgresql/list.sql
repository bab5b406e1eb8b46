-- A page of executions, newest first by id (ours carry their time); :cursor is the last id of the page before.
-- Plan: primary key, backwards.
SELECT workflow_id, workflow_type, status, started_at, completed_at, created_at, updated_at, error_message, progress
FROM workflow_executions
WHERE (:cursor::text IS NULL OR workflow_id < :cursor::text)
  AND (:status::text IS NULL OR status = :status::text)
  AND (:type::text IS NULL OR workflow_type = :type::text)
  AND (:since::timestamptz IS NULL OR created_at >= :since::timestamptz)
ORDER BY workflow_id DESC LIMIT :limit::int
