-- columns: id, revision, was, following, lasterror, fireid, firetime, source, dedupekey, scheduledat, orderingkey
-- Make the rows of `queue_jobs` and move each schedule on, if it still stands where it stood when it was read (`was`) with
-- the same definition; else nothing happens to it. One row of the batch a fire (fireid NULL: only move on), the
-- schedule's own values repeated. With overlap 'skip' a fire gives way to an unfinished one, which is the last by key.
-- Answers the schedules that moved, with their executions. Plan: primary keys, qj_dedupe.
SELECT j.id
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', revision bigint PATH '$[1]',
    was longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]')) b
STRAIGHT_JOIN jobs j FORCE INDEX (PRIMARY) ON j.id = b.id
STRAIGHT_JOIN job_plans p FORCE INDEX (PRIMARY) ON p.jobid = b.id
WHERE LEAST(j.nextrunat, CAST('9999-12-31' AS datetime(6))) = CAST(b.was AS datetime(6))
  AND p.revision = b.revision AND p.planned = p.revision
FOR UPDATE /*!80000 OF j, p */ SKIP LOCKED
----
INSERT INTO queue_jobs (id, typeid, handler, payload, queue, priority, maxretries, timeout, metadata, source, dedupekey,
    scheduledat, statusid, orderingkey, createdby)
SELECT b.fireid, 1, j.handler, j.payload, j.queue, j.priority, j.maxretries, j.timeout,
       JSON_SET(IF(JSON_TYPE(j.metadata) = 'OBJECT', j.metadata, '{}'),
                '$.scheduled_job_id', j.id, '$.scheduled_for', b.dedupekey),
       b.source, b.dedupekey, CAST(b.scheduledat AS datetime(6)), IF(b.scheduledat IS NULL, 0, 7), b.orderingkey,
       'scheduler'
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', revision bigint PATH '$[1]',
    was longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    following longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]',
    lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]',
    fireid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[5]',
    firetime longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]',
    source varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[7]',
    dedupekey varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    scheduledat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    orderingkey longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]')) b
STRAIGHT_JOIN jobs j FORCE INDEX (PRIMARY) ON j.id = b.id
WHERE j.id IN :found AND b.fireid IS NOT NULL
  AND NOT (j.overlap = 'skip' AND COALESCE((
      SELECT q.statusid NOT IN (3, 4, 6) FROM queue_jobs q FORCE INDEX (qj_dedupe)
      WHERE q.source = b.source AND q.dedupekey IS NOT NULL ORDER BY q.dedupekey DESC LIMIT 1), FALSE))
ORDER BY b.firetime
ON DUPLICATE KEY UPDATE id = IF(queue_jobs.id = b.fireid, NULL, queue_jobs.id)
----
UPDATE jobs j JOIN (
    SELECT r.id, MAX(r.following) AS following, MAX(r.lasterror) AS lasterror,
           COUNT(q.id) AS n, MAX(IF(q.id IS NULL, NULL, r.firetime)) AS latest
    FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', revision bigint PATH '$[1]',
    was longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    following longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]',
    lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]',
    fireid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[5]',
    firetime longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]',
    source varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[7]',
    dedupekey varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[8]',
    scheduledat longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    orderingkey longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]')) r
    LEFT JOIN queue_jobs q FORCE INDEX (qj_id) ON q.id = r.fireid
    GROUP BY r.id
) b ON b.id = j.id
SET j.lasterror = b.lasterror, j.lastrunat = COALESCE(CAST(b.latest AS datetime(6)), j.lastrunat),
    j.nextrunat = IF(j.maxexecutions > 0 AND j.executioncount + b.n >= j.maxexecutions, NULL,
                     CAST(b.following AS datetime(6))),
    j.executioncount = j.executioncount + b.n
WHERE j.id IN :found
----
SELECT id, executioncount, NULL AS notified FROM jobs WHERE id IN :found
