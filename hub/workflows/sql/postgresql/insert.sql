-- columns: workflow_id, workflow_type, status, context, definition, definition_digest, progress, created_by
-- New executions: made and started at one moment, which the column's default would read a second time.
INSERT INTO workflow_executions (workflow_id, workflow_type, status, context, definition, definition_digest, progress,
                                 created_by, created_at, started_at)
SELECT workflow_id, workflow_type, status, context::jsonb, definition, definition_digest, progress, created_by,
       moment, moment
FROM unnest(:workflow_id::text[], :workflow_type::text[], :status::text[], :context::text[], :definition::text[],
            :definition_digest::text[], :progress::text[], :created_by::text[])
    AS v (workflow_id, workflow_type, status, context, definition, definition_digest, progress, created_by),
    (SELECT clock_timestamp() AS moment) AS clock
