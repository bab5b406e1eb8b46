-- columns: executionid
-- Which executions have left their history row: asked after a COMMIT whose answer was lost. Plan: primary key.
SELECT h.id FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN job_histories h FORCE INDEX (PRIMARY) ON h.id = v.id
