-- columns: workflow_id, status, context, progress, ended, step_id, output, duration, begun_id, begun_name, begun_status
-- What the ends of steps make of executions, which are held already, and of their steps. A row has an execution as it is
-- now, one step of it that ended (`duration` in milliseconds) or none, and one that begins for the first time or none.
-- Plan: primary keys.
WITH v AS MATERIALIZED (
    SELECT workflow_id, status, context::jsonb AS context, progress, ended, step_id, output, duration, begun_id, begun_name,
           begun_status
    FROM unnest(:rows::hub_step_change[])
), saved AS (
    UPDATE workflow_executions e SET status = v.status, context = v.context, progress = v.progress,
        error_message = CASE WHEN v.status IN ('failed', 'cancelled') THEN e.error_message END,
        completed_at = CASE WHEN v.ended THEN COALESCE(e.completed_at, clock_timestamp()) END,
        updated_at = clock_timestamp(), version = e.version + 1
    FROM v WHERE e.workflow_id = v.workflow_id
), closed AS (
    UPDATE workflow_steps s SET status = 'completed', output_data = v.output::jsonb, error_message = NULL,
        started_at = clock_timestamp() - v.duration * interval '1 ms', completed_at = clock_timestamp()
    FROM v WHERE s.step_id = v.step_id
)
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data)
SELECT begun_id, workflow_id, begun_name, begun_status, context FROM v WHERE begun_id IS NOT NULL
