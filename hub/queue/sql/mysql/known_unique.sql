-- columns: handler, uniquekey
-- The live rows that hold these unique keys. Plan: qj_unique.
SELECT v.handler, v.uniquekey, j.id
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    handler varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    uniquekey varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_unique)
    ON j.uniqueslot = CAST(CONCAT(v.handler, '\n', v.uniquekey) AS BINARY)
