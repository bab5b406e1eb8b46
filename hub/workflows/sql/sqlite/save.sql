-- columns: workflow_id, status, context, progress, ended, step_id, output, duration, begun_id, begun_name, begun_status,
--   handler, queue, priority, maxretries, scheduledat, delay, metadata, timeout, traceparent
-- What the ends of steps make of executions, of their steps, and of the jobs that come next. A row
-- has an execution as it is now, one step of it that ended (`duration` in milliseconds) or none, and one that begins for
-- the first time, with its job, or none: the job's id is the step's, its payload the context, and it has no key that could
-- be taken. Plan: primary keys.
UPDATE workflow_executions SET status = v.status, context = v.context, progress = v.progress,
    error_message = CASE WHEN v.status IN ('failed', 'cancelled') THEN error_message END,
    completed_at = CASE WHEN v.ended THEN COALESCE(completed_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) END,
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), version = version + 1
FROM (SELECT value ->> 0 AS workflow_id, value ->> 1 AS status, value ->> 2 AS context, value ->> 3 AS progress,
             value ->> 4 AS ended FROM json_each(:rows)) v
WHERE workflow_executions.workflow_id = v.workflow_id
----
UPDATE workflow_steps SET status = 'completed', output_data = v.output, error_message = NULL,
    started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (v.duration / -1000.0) || ' seconds'),
    completed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
FROM (SELECT value ->> 5 AS step_id, value ->> 6 AS output, value ->> 7 AS duration FROM json_each(:rows)) v
WHERE workflow_steps.step_id = v.step_id
----
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data)
SELECT value ->> 8, value ->> 0, value ->> 9, value ->> 10, value ->> 2 FROM json_each(:rows)
WHERE value ->> 8 IS NOT NULL
----
INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, metadata, timeout, traceparent,
                        method, statusid)
SELECT value ->> 8, value ->> 11, value ->> 2, value ->> 12, value ->> 13, value ->> 14,
       CASE WHEN value ->> 16 IS NULL THEN value ->> 15
            ELSE COALESCE(strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (value ->> 16) || ' seconds'),
                          '9999-12-31T23:59:59.999Z') END,
       value ->> 17, value ->> 18, value ->> 19, 'workflow',
       CASE WHEN COALESCE(value ->> 15, value ->> 16) IS NULL THEN 0 ELSE 7 END
FROM json_each(:rows) WHERE value ->> 8 IS NOT NULL
