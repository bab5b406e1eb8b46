-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, metadata, timeout, traceparent
-- The jobs of steps that begin: what all of them have alike is here, and they have no key that could be taken. All texts
-- are read as long ones, as JSON_TABLE would cut what is longer than its type.
INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, metadata, timeout, traceparent,
                        method, statusid)
SELECT v.id, v.handler, v.payload, v.queue, v.priority, v.maxretries,
       IF(v.delay IS NULL, CAST(v.scheduledat AS datetime(6)),
          UTC_TIMESTAMP(6) + INTERVAL CAST(LEAST(v.delay, 2.5e11) * 1000000 AS SIGNED) MICROSECOND),
       v.metadata, v.timeout, v.traceparent, 'workflow', IF(v.scheduledat IS NULL AND v.delay IS NULL, 0, 7)
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    handler longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    payload longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    queue longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]', priority bigint PATH '$[4]',
    maxretries bigint PATH '$[5]', scheduledat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]',
    delay double PATH '$[7]', metadata longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    timeout double PATH '$[9]', traceparent longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]')) v
