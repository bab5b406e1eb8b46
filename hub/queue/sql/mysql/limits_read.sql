-- columns: name
-- What is taken of each limit, and what time it is (seconds). Plan: primary key.
SELECT v.name, COALESCE(l.version, 0) AS version, l.state,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6 AS now
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    name varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
LEFT JOIN job_limits l ON l.name = v.name
