-- columns: id, fence, result, executionid, duration, attempt
-- Complete a batch of jobs whose handlers touched no SQL, each behind its fence, with their history rows (first, while
-- the rows are still Processing). Answers the ids that were completed; the others had lost their lease. Plan: qj_id.
SELECT j.id FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', fence bigint PATH '$[1]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE j.fence = v.fence AND j.statusid = 2
FOR UPDATE /*!80000 OF j */
----
INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, retryattempt,
                           executedby, inputdata, outputdata)
SELECT v.executionid, j.id, v.executionid, 3, UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND,
       UTC_TIMESTAMP(6), v.duration, 'Success', v.attempt, :executedby,
       IF(:history_input > 0, LEFT(j.payload, :history_input), NULL), v.result
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', fence bigint PATH '$[1]',
    result longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    executionid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]', duration bigint PATH '$[4]',
    attempt bigint PATH '$[5]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE j.fence = v.fence AND j.statusid = 2
----
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', fence bigint PATH '$[1]',
    result longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
SET j.statusid = 3, j.result = v.result, j.completedat = UTC_TIMESTAMP(6), j.lasterror = NULL, j.leaseuntil = NULL,
    j.keyslot = NULL, j.unknownsince = NULL, j.cancelrequested = FALSE, j.modifiedon = UTC_TIMESTAMP(6),
    j.rowversionstamp = j.rowversionstamp + 1
WHERE j.fence = v.fence AND j.statusid = 2
