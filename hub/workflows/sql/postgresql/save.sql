-- columns: workflow_id, status, context, progress, error, ended
-- What the ends of steps make of executions, which are held already, and of their steps: those that ended and those that
-- begin (:steps, JSON). Plan: primary keys.
WITH saved AS (
    UPDATE workflow_executions e SET status = v.status, context = v.context::jsonb, progress = v.progress,
        error_message = v.error, completed_at = CASE WHEN v.ended THEN clock_timestamp() END,
        updated_at = clock_timestamp(), version = e.version + 1
    FROM unnest(:workflow_id::text[], :status::text[], :context::text[], :progress::text[], :error::text[],
                :ended::boolean[]) AS v (workflow_id, status, context, progress, error, ended)
    WHERE e.workflow_id = v.workflow_id
)
INSERT INTO workflow_steps AS s (step_id, workflow_id, step_name, status, input_data, output_data, error_message,
                                 started_at, completed_at)
SELECT step_id, workflow_id, step_name, status, input::jsonb, output::jsonb, error,
       clock_timestamp() - duration * interval '1 ms',
       CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN clock_timestamp() END
FROM json_to_recordset(:steps::text::json) AS v (step_id text, workflow_id text, step_name text, status text, input text,
                                                 output text, error text, duration bigint)
ON CONFLICT (step_id) DO UPDATE SET status = excluded.status, input_data = COALESCE(excluded.input_data, s.input_data),
    output_data = excluded.output_data, error_message = excluded.error_message,
    started_at = COALESCE(excluded.started_at, s.started_at), completed_at = excluded.completed_at
