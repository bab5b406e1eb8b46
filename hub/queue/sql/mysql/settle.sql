-- columns: id, fence, result, executionid, duration, attempt, statusid, priority, retrycount, delay,
--   lasterror, failure, unknown
-- End a batch of attempts in any way, each behind its fence, with a history row where the attempt counts; a job that
-- would run again though its end was asked for is Cancelled. Without a word of the attempt's own, the reason is what
-- cancel.sql has left in lasterror. Answers the ids that were settled; the others had lost their lease. The first text
-- locks the rows and decides what each becomes; the others read that. Plan: qj_id.
SELECT j.id, v.result,
       v.executionid, v.duration, v.attempt, v.statusid, v.priority, v.retrycount, v.delay,
       IF(v.statusid = 6 OR v.statusid IN (1, 5) AND j.cancelrequested,
          COALESCE(v.lasterror, IF(j.cancelrequested, j.lasterror, NULL), 'cancelled'), v.lasterror) AS lasterror,
       v.failure, v.unknown, IF(v.statusid IN (1, 5) AND j.cancelrequested, 6, v.statusid) AS becomes,
       v.statusid IN (3, 4, 6) OR j.cancelrequested AS ended
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', fence bigint PATH '$[1]',
    result longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    executionid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]', duration bigint PATH '$[4]',
    attempt bigint PATH '$[5]', statusid int PATH '$[6]', priority bigint PATH '$[7]', retrycount bigint PATH '$[8]',
    delay double PATH '$[9]', lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]',
    failure longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[11]', unknown int PATH '$[12]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE j.fence = v.fence AND j.statusid = 2
FOR UPDATE /*!80000 OF j */
----
INSERT INTO job_histories (id, jobid, executionid, statusid, startedat, completedat, duration, result, errormessage,
                           retryattempt, executedby, inputdata, outputdata)
SELECT v.executionid, j.id, v.executionid, IF(v.becomes IN (3, 6), v.becomes, 4),
       UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND, UTC_TIMESTAMP(6), v.duration,
       IF(v.lasterror IS NULL, 'Success', SUBSTRING_INDEX(v.lasterror, '\n', 1)), v.lasterror, v.attempt, :executedby,
       IF(:history_input > 0, LEFT(j.payload, :history_input), NULL), v.result
FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    result longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    executionid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]', duration bigint PATH '$[3]',
    attempt bigint PATH '$[4]', statusid int PATH '$[5]', priority bigint PATH '$[6]', retrycount bigint PATH '$[7]',
    delay double PATH '$[8]', lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    failure longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]', unknown int PATH '$[11]',
    becomes int PATH '$[12]', ended int PATH '$[13]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE v.executionid IS NOT NULL
----
INSERT INTO job_histories (jobid, statusid, startedat, completedat, duration, result, errormessage,
                           retryattempt, executedby, inputdata, outputdata)
SELECT j.id, 6, UTC_TIMESTAMP(6) - INTERVAL v.duration * 1000 MICROSECOND, UTC_TIMESTAMP(6), v.duration,
       SUBSTRING_INDEX(v.lasterror, '\n', 1), v.lasterror, v.attempt, :executedby,
       IF(:history_input > 0, LEFT(j.payload, :history_input), NULL), v.result
FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    result longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    executionid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]', duration bigint PATH '$[3]',
    attempt bigint PATH '$[4]', statusid int PATH '$[5]', priority bigint PATH '$[6]', retrycount bigint PATH '$[7]',
    delay double PATH '$[8]', lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    failure longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]', unknown int PATH '$[11]',
    becomes int PATH '$[12]', ended int PATH '$[13]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
WHERE v.executionid IS NULL AND v.becomes <> v.statusid
----
UPDATE JSON_TABLE(:firstrows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    result longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]',
    executionid varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]', duration bigint PATH '$[3]',
    attempt bigint PATH '$[4]', statusid int PATH '$[5]', priority bigint PATH '$[6]', retrycount bigint PATH '$[7]',
    delay double PATH '$[8]', lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[9]',
    failure longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[10]', unknown int PATH '$[11]',
    becomes int PATH '$[12]', ended int PATH '$[13]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
SET j.statusid = v.becomes, j.result = v.result, j.priority = v.priority, j.retrycount = v.retrycount,
    j.lasterror = IF(v.executionid IS NULL, COALESCE(v.lasterror, j.lasterror), v.lasterror),
    j.failure = v.failure,
    j.completedat = IF(v.ended, UTC_TIMESTAMP(6), NULL),
    j.scheduledat = IF(v.delay IS NULL, j.scheduledat,
                       UTC_TIMESTAMP(6) + INTERVAL CAST(LEAST(v.delay, 2.5e11) * 1000000 AS SIGNED) MICROSECOND),
    j.gate = IF(v.delay IS NULL, 3, 0),
    j.unknownsince = IF(v.unknown, COALESCE(j.unknownsince, UTC_TIMESTAMP(6)), NULL),
    j.cancelrequested = FALSE, j.leaseuntil = NULL, j.keyslot = NULL,
    j.modifiedon = UTC_TIMESTAMP(6), j.rowversionstamp = j.rowversionstamp + 1
