-- Open keys whose release was lost (a process died between finish and release): of :limit keys after :after, the first
-- live row if it is still parked. Answers every key looked at in its order, so that the caller goes on from the last,
-- then the queues that have something new. Plan: qj_key, loosely; then the primary key.
SELECT livekey FROM queue_jobs FORCE INDEX (qj_key) WHERE livekey > :after GROUP BY livekey ORDER BY livekey LIMIT :limit
----
SELECT j.seq
FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (
    k varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (PRIMARY)
    ON j.seq = (SELECT e.seq FROM queue_jobs e FORCE INDEX (qj_key) WHERE e.livekey = v.k ORDER BY e.seq LIMIT 1)
WHERE j.gate = 1 AND j.statusid IN (0, 1, 5)
UNION ALL SELECT 0
----
UPDATE queue_jobs FORCE INDEX (PRIMARY) SET gate = IF(scheduledat > UTC_TIMESTAMP(6), 0, 3), fence = fence + 1
WHERE seq IN :found AND gate = 1 AND statusid IN (0, 1, 5)
----
SELECT v.k AS orderingkey, NULL AS queue, v.n
FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (
    n FOR ORDINALITY, k longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]')) v
UNION ALL
SELECT NULL, q.queue, 0
FROM (SELECT DISTINCT COALESCE(queue, '') AS queue FROM queue_jobs FORCE INDEX (PRIMARY)
      WHERE seq IN :found AND gate = 3 AND statusid IN (0, 1, 5)) q
ORDER BY n
