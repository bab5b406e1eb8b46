-- columns: workflow_id, status, context, progress, error, ended
-- What the ends of steps make of executions and of their steps: those that ended and those that begin (:steps, JSON).
-- Plan: primary keys.
UPDATE workflow_executions SET status = v.status, context = v.context, progress = v.progress, error_message = v.error,
    completed_at = CASE WHEN v.ended THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), version = version + 1
FROM (SELECT value ->> 0 AS workflow_id, value ->> 1 AS status, value ->> 2 AS context, value ->> 3 AS progress,
             value ->> 4 AS error, value ->> 5 AS ended FROM json_each(:rows)) v
WHERE workflow_executions.workflow_id = v.workflow_id
----
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data, output_data, error_message,
                            started_at, completed_at)
SELECT value ->> 'step_id', value ->> 'workflow_id', value ->> 'step_name', value ->> 'status', value ->> 'input',
       value ->> 'output', value ->> 'error',
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ((value ->> 'duration') / -1000.0) || ' seconds'),
       CASE WHEN value ->> 'status' IN ('completed', 'failed', 'cancelled')
            THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END
FROM json_each(:steps) WHERE TRUE
ON CONFLICT (step_id) DO UPDATE SET status = excluded.status,
    input_data = COALESCE(excluded.input_data, workflow_steps.input_data), output_data = excluded.output_data,
    error_message = excluded.error_message, started_at = COALESCE(excluded.started_at, workflow_steps.started_at),
    completed_at = excluded.completed_at
