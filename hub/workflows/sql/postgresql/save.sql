-- columns: workflow_id, status, context, progress, ended, step_id, output, duration, begun_id, begun_name, begun_status,
--   handler, queue, priority, maxretries, scheduledat, delay, metadata, timeout, traceparent
-- What the ends of steps make of executions, which are held already, of their steps, and of the jobs that come next. A row
-- has an execution as it is now, one step of it that ended (`duration` in milliseconds) or none, and one that begins for
-- the first time, with its job, or none: the job's id is the step's, its payload the context, and it has no key that could
-- be taken. Wakes the workers of :queues; those who hear "hub_jobs" also look what has been given a time, "hub_ready" says
-- that nothing was. Plan: primary keys.
WITH v AS MATERIALIZED (
    SELECT r.*, context::jsonb AS document FROM unnest(:rows::hub_step_advance[]) AS r
), saved AS (
    UPDATE workflow_executions e SET status = v.status, context = v.document, progress = v.progress,
        error_message = CASE WHEN v.status IN ('failed', 'cancelled') THEN e.error_message END,
        completed_at = CASE WHEN v.ended THEN COALESCE(e.completed_at, clock_timestamp()) END,
        updated_at = clock_timestamp(), version = e.version + 1
    FROM v WHERE e.workflow_id = ANY (ARRAY[v.workflow_id])
), closed AS (
    UPDATE workflow_steps s SET status = 'completed', output_data = v.output::jsonb, error_message = NULL,
        started_at = clock_timestamp() - v.duration * interval '1 ms', completed_at = clock_timestamp()
    FROM v WHERE s.step_id = ANY (ARRAY[v.step_id])
), begun AS (
    INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data)
    SELECT begun_id, workflow_id, begun_name, begun_status, document FROM v WHERE begun_id IS NOT NULL
), queued AS (
    INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, metadata, timeout, traceparent,
                            method, statusid)
    SELECT begun_id, handler, context, queue, priority, maxretries,
           CASE WHEN delay IS NULL THEN scheduledat
                ELSE clock_timestamp() + make_interval(secs => LEAST(delay, 2.5e11)) END,
           metadata::jsonb, timeout, traceparent, 'workflow',
           CASE WHEN scheduledat IS NULL AND delay IS NULL THEN 0 ELSE 7 END
    FROM v WHERE begun_id IS NOT NULL
)
SELECT pg_notify(:channel::text, q) FROM unnest(:queues::text[]) AS woken (q)
