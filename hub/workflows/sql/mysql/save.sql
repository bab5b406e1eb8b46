-- columns: workflow_id, status, context, progress, error, ended
-- What a step's end makes of executions; they are held already. Plan: primary key.
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    workflow_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    status varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    context longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    progress longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]',
    error longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]', ended int PATH '$[5]')) v
STRAIGHT_JOIN workflow_executions e FORCE INDEX (PRIMARY) ON e.workflow_id = v.workflow_id
SET e.status = v.status, e.context = v.context, e.progress = v.progress, e.error_message = v.error,
    e.completed_at = IF(v.ended, UTC_TIMESTAMP(6), NULL), e.updated_at = UTC_TIMESTAMP(6), e.version = e.version + 1
