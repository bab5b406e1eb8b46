-- columns: workflow_id, status, context, progress, error, ended
-- What a step's end makes of executions. Plan: primary key.
UPDATE workflow_executions SET status = v.status, context = v.context, progress = v.progress, error_message = v.error,
    completed_at = CASE WHEN v.ended THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), version = version + 1
FROM (SELECT value ->> 0 AS workflow_id, value ->> 1 AS status, value ->> 2 AS context, value ->> 3 AS progress,
             value ->> 4 AS error, value ->> 5 AS ended FROM json_each(:rows)) v
WHERE workflow_executions.workflow_id = v.workflow_id
