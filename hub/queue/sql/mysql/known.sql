-- columns: source, dedupekey
-- The rows that hold these dedupe keys. Plan: qj_dedupe.
SELECT v.source, v.dedupekey, j.id
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    source varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    dedupekey varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_dedupe)
    ON j.source = v.source AND j.dedupekey = v.dedupekey AND j.dedupelength = CHAR_LENGTH(v.dedupekey)
