-- columns: parent
-- Let jobs run that wait for the children of these parents, where no child is left open: they become due, and the
-- promotion gives them their place. One that wanted all Completed is Failed instead if one of them is not. Messages to
-- the outside are no children to wait for, nor are rows that never run. Answers the ids with the statuses.
-- Plan: qj_waiting, qj_parent, then the primary key.
SELECT w.seq, IF(w.waits = 'completed', (
           SELECT c.id FROM queue_jobs c FORCE INDEX (qj_parent)
           WHERE c.parentjobid = w.parentjobid AND c.waits IS NULL AND c.direction <> 'outbound'
             AND c.statusid IN (4, 6)
           LIMIT 1), NULL) AS broken
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    parent varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs w FORCE INDEX (qj_waiting) ON w.waitingfor = v.parent
WHERE w.gate = 2 AND NOT EXISTS (
    SELECT 1 FROM queue_jobs c FORCE INDEX (qj_parent)
    WHERE c.parentjobid = w.parentjobid AND c.waits IS NULL AND c.direction <> 'outbound'
      AND (c.statusid = 2 OR c.active AND c.statusid IN (0, 1, 5, 7)))
----
UPDATE JSON_TABLE(:foundrows, '$[*]' COLUMNS (
    seq bigint PATH '$[0]', broken varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (PRIMARY) ON j.seq = v.seq
SET j.gate = IF(v.broken IS NULL, 0, 3),
    j.scheduledat = IF(v.broken IS NULL, UTC_TIMESTAMP(6), NULL),
    j.completedat = IF(v.broken IS NULL, NULL, UTC_TIMESTAMP(6)),
    j.failure = IF(v.broken IS NULL, NULL, 'permanent'),
    j.lasterror = CONCAT('the child ', v.broken, ' did not complete'),
    j.modifiedon = UTC_TIMESTAMP(6), j.rowversionstamp = j.rowversionstamp + 1,
    j.statusid = IF(v.broken IS NULL, 7, 4)
WHERE j.statusid = 7 AND j.gate = 2
----
SELECT id, statusid FROM queue_jobs FORCE INDEX (PRIMARY) WHERE seq IN :found
