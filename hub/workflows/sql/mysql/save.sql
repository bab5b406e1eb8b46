-- columns: workflow_id, status, context, progress, error, ended
-- What the ends of steps make of executions, which are held already, and of their steps: those that ended and those that
-- begin (:steps, JSON). Plan: primary keys.
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    workflow_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    status varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    context longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    progress longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]',
    error longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]', ended int PATH '$[5]')) v
STRAIGHT_JOIN workflow_executions e FORCE INDEX (PRIMARY) ON e.workflow_id = v.workflow_id
SET e.status = v.status, e.context = v.context, e.progress = v.progress, e.error_message = v.error,
    e.completed_at = IF(v.ended, UTC_TIMESTAMP(6), NULL), e.updated_at = UTC_TIMESTAMP(6), e.version = e.version + 1
----
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data, output_data, error_message,
                            started_at, completed_at)
SELECT v.step_id, v.workflow_id, v.step_name, v.status, v.input, v.output, v.error,
       UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND,
       IF(v.status IN ('completed', 'failed', 'cancelled'), UTC_TIMESTAMP(6), NULL)
FROM JSON_TABLE(:steps, '$[*]' COLUMNS (
    step_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.step_id',
    workflow_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.workflow_id',
    step_name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.step_name',
    status varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.status',
    input longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.input',
    output longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.output',
    error longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.error', duration bigint PATH '$.duration')) v
ON DUPLICATE KEY UPDATE status = v.status, input_data = COALESCE(v.input, workflow_steps.input_data),
    output_data = v.output, error_message = v.error,
    started_at = COALESCE(UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND, workflow_steps.started_at),
    completed_at = IF(v.status IN ('completed', 'failed', 'cancelled'), UTC_TIMESTAMP(6), NULL)
