-- columns: id, fence, progress, progressnote
-- The heartbeat: extend the leases of jobs still held. A row that its own job's transaction has locked is left alone and
-- is still ours. Answers every job with whether it is ours and whether somebody asked for its end. Plan: qj_id.
(SELECT j.id FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', fence bigint PATH '$[1]')) v
 STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
 WHERE j.fence = v.fence AND j.statusid = 2
 FOR UPDATE /*!80000 OF j */ SKIP LOCKED)
UNION ALL SELECT ''
----
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', progress double PATH '$[2]',
    progressnote longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
SET j.leaseuntil = UTC_TIMESTAMP(6) + INTERVAL CAST(:lease * 1000000 AS SIGNED) MICROSECOND,
    j.progress = COALESCE(v.progress, j.progress), j.progressnote = COALESCE(v.progressnote, j.progressnote)
WHERE v.id IN :found
----
SELECT v.id, COALESCE(j.fence = v.fence AND j.statusid = 2, FALSE) AS mine,
       COALESCE(j.cancelrequested, FALSE) AS cancelrequested
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', fence bigint PATH '$[1]')) v
LEFT JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
