-- columns: name, version, state
-- Write what was decided, unless somebody has written since it was read. Answers the names that were written: every
-- state carries its writer, so that no two are alike. The rows come in the order of their names, so that two writers
-- wait for each other and never in a circle. Plan: primary key.
INSERT INTO job_limits (name, version, state)
SELECT v.name, v.version + 1, v.state FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', version bigint PATH '$[1]',
    state mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]')) v
ON DUPLICATE KEY UPDATE
    state = IF(job_limits.version = v.version, v.state, job_limits.state),
    modifiedon = UTC_TIMESTAMP(6),
    version = IF(job_limits.version = v.version, v.version + 1, job_limits.version)
----
SELECT l.name FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    state mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]')) v
STRAIGHT_JOIN job_limits l ON l.name = v.name AND l.state = v.state
