-- columns: workflow_id, workflow_type, status, context, definition, definition_digest, progress, created_by
-- New executions.
INSERT INTO workflow_executions (workflow_id, workflow_type, status, context, definition, definition_digest, progress,
                                 created_by, started_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
FROM json_each(:rows)
