-- columns: step_id, workflow_id, step_name, status, input, output, error, duration
-- Steps that begin, and steps that end (`duration`, in milliseconds, where they ran). Plan: primary key.
INSERT INTO workflow_steps AS s (step_id, workflow_id, step_name, status, input_data, output_data, error_message,
                                 started_at, completed_at)
SELECT step_id, workflow_id, step_name, status, input::jsonb, output::jsonb, error,
       clock_timestamp() - duration * interval '1 ms',
       CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN clock_timestamp() END
FROM unnest(:step_id::text[], :workflow_id::text[], :step_name::text[], :status::text[], :input::text[],
            :output::text[], :error::text[], :duration::bigint[])
    AS v (step_id, workflow_id, step_name, status, input, output, error, duration)
ON CONFLICT (step_id) DO UPDATE SET status = excluded.status, input_data = COALESCE(excluded.input_data, s.input_data),
    output_data = excluded.output_data, error_message = excluded.error_message,
    started_at = COALESCE(excluded.started_at, s.started_at), completed_at = excluded.completed_at
