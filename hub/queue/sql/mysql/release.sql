-- columns: orderingkey
-- Open the first live row of each key after a finish was committed; always writes, so that a claim which waits for the
-- row's lock does not park it. Answers the queues. Plan: qj_key, then the primary key.
SELECT (SELECT e.seq FROM queue_jobs e FORCE INDEX (qj_key) WHERE e.livekey = v.k ORDER BY e.seq LIMIT 1) AS seq
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (k varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
----
UPDATE queue_jobs FORCE INDEX (PRIMARY) SET gate = IF(scheduledat > UTC_TIMESTAMP(6), 0, 3), fence = fence + 1
WHERE seq IN :found AND statusid IN (0, 1, 5)
----
SELECT DISTINCT COALESCE(queue, '') AS queue FROM queue_jobs FORCE INDEX (PRIMARY)
WHERE seq IN :found AND statusid IN (0, 1, 5)
