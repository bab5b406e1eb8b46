-- columns: id
-- What has become of the jobs of tasks; those that are not there are left out. Plan: qj_id.
SELECT j.id, j.statusid, j.crashcount, j.lasterror
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = v.id
