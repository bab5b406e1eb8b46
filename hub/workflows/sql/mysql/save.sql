-- columns: workflow_id, status, context, progress, ended, step_id, output, duration, begun_id, begun_name, begun_status,
--   handler, queue, priority, maxretries, scheduledat, delay, metadata, timeout, traceparent
-- What the ends of steps make of executions, which are held already, of their steps, and of the jobs that come next. A row
-- has an execution as it is now, one step of it that ended (`duration` in milliseconds) or none, and one that begins for
-- the first time, with its job, or none: the job's id is the step's, its payload the context, and it has no key that could
-- be taken. All texts of a job are read as long ones, as JSON_TABLE would
-- cut what is longer than its type. Plan: primary keys.
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    workflow_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    status varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    context longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    progress longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]', ended int PATH '$[4]')) v
STRAIGHT_JOIN workflow_executions e FORCE INDEX (PRIMARY) ON e.workflow_id = v.workflow_id
SET e.status = v.status, e.context = v.context, e.progress = v.progress,
    e.error_message = IF(v.status IN ('failed', 'cancelled'), e.error_message, NULL),
    e.completed_at = IF(v.ended, COALESCE(e.completed_at, UTC_TIMESTAMP(6)), NULL), e.updated_at = UTC_TIMESTAMP(6), e.version = e.version + 1
----
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    step_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[5]',
    output longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]', duration bigint PATH '$[7]')) v
STRAIGHT_JOIN workflow_steps s FORCE INDEX (PRIMARY) ON s.step_id = v.step_id
SET s.status = 'completed', s.output_data = v.output, s.error_message = NULL,
    s.started_at = UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND, s.completed_at = UTC_TIMESTAMP(6)
----
INSERT INTO workflow_steps (step_id, workflow_id, step_name, status, input_data)
SELECT v.step_id, v.workflow_id, v.step_name, v.status, v.input
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    workflow_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    input longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    step_id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    step_name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    status varchar(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]')) v
WHERE v.step_id IS NOT NULL
----
INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, metadata, timeout, traceparent,
                        method, statusid)
SELECT v.id, v.handler, v.payload, v.queue, v.priority, v.maxretries,
       IF(v.delay IS NULL, CAST(v.scheduledat AS datetime(6)),
          UTC_TIMESTAMP(6) + INTERVAL CAST(LEAST(v.delay, 2.5e11) * 1000000 AS SIGNED) MICROSECOND),
       v.metadata, v.timeout, v.traceparent, 'workflow', IF(v.scheduledat IS NULL AND v.delay IS NULL, 0, 7)
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    handler longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[11]',
    payload longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    queue longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[12]', priority bigint PATH '$[13]',
    maxretries bigint PATH '$[14]', scheduledat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[15]',
    delay double PATH '$[16]', metadata longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[17]',
    timeout double PATH '$[18]', traceparent longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[19]')) v
WHERE v.id IS NOT NULL
