-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, orderingkey, source, dedupekey,
--   parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
--   createdby, statusid, lasterror, failure, uniquekey, waits
-- As enqueue.sql, for a batch in which rows are bound to others: by a unique key, which inserts nothing while another
-- has it (known_unique.sql finds that row), or by waiting for the children of their parent: those are parked (gate 2).
-- Answers the ids that are new; a dedupe key that is there already inserts nothing. An id that is taken is not a repeat: then the id becomes NULL, which is an error, and the
-- whole batch is undone. All texts are read as long ones, as JSON_TABLE would cut what is longer than its type.
INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, orderingkey, source, dedupekey,
    parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
    createdby, statusid, lasterror, failure, completedat, uniquekey, waits, gate)
SELECT v.id, v.handler, v.payload, v.queue, v.priority, v.maxretries,
       IF(v.delay IS NULL, CAST(v.scheduledat AS datetime(6)),
          UTC_TIMESTAMP(6) + INTERVAL CAST(LEAST(v.delay, 2.5e11) * 1000000 AS SIGNED) MICROSECOND),
       v.orderingkey, v.source, v.dedupekey, v.parentjobid, v.typeid, v.method, v.protocol, v.direction, v.metadata,
       v.contenttype, v.payloadencoding, v.timeout, v.traceparent, v.createdby,
       IF(v.statusid = 0 AND (v.scheduledat IS NOT NULL OR v.delay IS NOT NULL), 7, v.statusid),
       v.lasterror, v.failure, IF(v.statusid = 4, UTC_TIMESTAMP(6), NULL), v.uniquekey, v.waits,
       IF(v.waits IS NULL, 0, 2)
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    handler longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    payload longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    queue longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]', priority bigint PATH '$[4]',
    maxretries bigint PATH '$[5]', scheduledat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]',
    delay double PATH '$[7]', orderingkey longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    source longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    dedupekey longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]',
    parentjobid longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[11]', typeid bigint PATH '$[12]',
    method longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[13]',
    protocol longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[14]',
    direction longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[15]',
    metadata longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[16]',
    contenttype longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[17]',
    payloadencoding longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[18]', timeout double PATH '$[19]',
    traceparent longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[20]',
    createdby longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[21]', statusid bigint PATH '$[22]',
    lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[23]',
    failure longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[24]',
    uniquekey longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[25]',
    waits longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[26]')) v
ON DUPLICATE KEY UPDATE id = IF(queue_jobs.id = v.id, NULL, queue_jobs.id)
----
SELECT j.id, NULL AS notified FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
