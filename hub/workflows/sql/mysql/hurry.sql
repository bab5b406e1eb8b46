-- columns: id
-- Let these jobs, which wait for their time, be due now. Plan: qj_id.
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
SET j.scheduledat = UTC_TIMESTAMP(6)
WHERE j.scheduledat > UTC_TIMESTAMP(6) AND j.gate = 0 AND j.statusid IN (0, 1, 5, 7)
