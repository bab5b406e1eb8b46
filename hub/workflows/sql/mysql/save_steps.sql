-- columns: step_id, workflow_id, step_name, status, input, output, error, duration
-- Steps that begin, and steps that end (`duration`, in milliseconds, where they ran). Plan: primary key.
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data, output_data, error_message,
                            started_at, completed_at)
SELECT v.step_id, v.workflow_id, v.step_name, v.status, v.input, v.output, v.error,
       UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND,
       IF(v.status IN ('completed', 'failed', 'cancelled'), UTC_TIMESTAMP(6), NULL)
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    step_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    workflow_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    step_name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    status varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]',
    input longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]',
    output longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[5]',
    error longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]', duration bigint PATH '$[7]')) v
ON DUPLICATE KEY UPDATE status = v.status, input_data = COALESCE(v.input, workflow_steps.input_data),
    output_data = v.output, error_message = v.error,
    started_at = COALESCE(UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND, workflow_steps.started_at),
    completed_at = IF(v.status IN ('completed', 'failed', 'cancelled'), UTC_TIMESTAMP(6), NULL)
