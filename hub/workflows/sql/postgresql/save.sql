-- columns: workflow_id, status, context, progress, error, ended
-- What a step's end makes of executions; they are held already. Plan: primary key.
UPDATE workflow_executions e SET status = v.status, context = v.context::jsonb, progress = v.progress,
    error_message = v.error, completed_at = CASE WHEN v.ended THEN clock_timestamp() END,
    updated_at = clock_timestamp(), version = e.version + 1
FROM unnest(:workflow_id::text[], :status::text[], :context::text[], :progress::text[], :error::text[],
            :ended::boolean[]) AS v (workflow_id, status, context, progress, error, ended)
WHERE e.workflow_id = v.workflow_id
