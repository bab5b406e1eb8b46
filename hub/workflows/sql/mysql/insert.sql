-- columns: workflow_id, workflow_type, status, context, definition, definition_digest, progress, created_by
-- New executions.
INSERT INTO workflow_executions (workflow_id, workflow_type, status, context, definition, definition_digest, progress,
                                 created_by, started_at)
SELECT v.workflow_id, v.workflow_type, v.status, v.context, v.definition, v.definition_digest, v.progress, v.created_by,
       UTC_TIMESTAMP(6)
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    workflow_id longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    workflow_type longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    status longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    context longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]',
    definition longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]',
    definition_digest longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[5]',
    progress longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]',
    created_by longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[7]')) v
