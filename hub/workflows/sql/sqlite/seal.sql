-- columns: workflow_id, version, status, context, progress, signals, error, ended, definition, digest
-- The last statement of whoever changes one execution: the first error stays until it goes on. Answers a row, or none if
-- another has changed it (then the transaction is undone). Plan: primary key.
UPDATE workflow_executions SET status = v.status, context = v.context, progress = v.progress, signals = v.signals,
    error_message = CASE WHEN v.status IN ('failed', 'cancelled') THEN COALESCE(error_message, v.error) END,
    completed_at = CASE WHEN NOT v.ended THEN NULL
                        ELSE COALESCE(completed_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) END,
    started_at = COALESCE(started_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    definition = COALESCE(v.definition, workflow_executions.definition),
    definition_digest = COALESCE(v.digest, definition_digest),
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), version = workflow_executions.version + 1
FROM (SELECT value ->> 0 AS workflow_id, value ->> 1 AS version, value ->> 2 AS status, value ->> 3 AS context,
             value ->> 4 AS progress, value ->> 5 AS signals, value ->> 6 AS error, value ->> 7 AS ended,
             value ->> 8 AS definition, value ->> 9 AS digest FROM json_each(:rows)) v
WHERE workflow_executions.workflow_id = v.workflow_id AND workflow_executions.version = v.version
RETURNING 1
