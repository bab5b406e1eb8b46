-- columns: step_id, workflow_id, step_name, status, input, output, error, duration
-- Steps that begin, and steps that end (`duration`, in milliseconds, where they ran). Plan: primary key.
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data, output_data, error_message,
                            started_at, completed_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ((value ->> 7) / -1000.0) || ' seconds'),
       CASE WHEN value ->> 3 IN ('completed', 'failed', 'cancelled') THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END
FROM json_each(:rows) WHERE TRUE
ON CONFLICT (step_id) DO UPDATE SET status = excluded.status,
    input_data = COALESCE(excluded.input_data, workflow_steps.input_data), output_data = excluded.output_data,
    error_message = excluded.error_message, started_at = COALESCE(excluded.started_at, workflow_steps.started_at),
    completed_at = excluded.completed_at
