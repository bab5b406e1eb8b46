-- columns: stream
-- Where an adapter goes on in these streams; those that it never read from are left out. Plan: the primary key.
SELECT c.stream, c.next
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    stream varchar(513) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN adapter_cursors c ON c.adapter = :adapter AND c.stream = v.stream
