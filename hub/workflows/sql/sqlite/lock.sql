-- columns: id
-- Executions as they stand. Whoever asks holds the write turn: nobody changes them before it ends. Plan: primary key.
SELECT workflow_id, workflow_type, status, context, progress, signals, definition_digest, version
FROM workflow_executions WHERE workflow_id IN (SELECT value ->> 0 FROM json_each(:rows)) ORDER BY workflow_id
