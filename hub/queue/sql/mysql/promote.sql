-- Open up to :limit rows whose time has come. A first schedule arrives now, in the order of the times (its seq is new);
-- a retry keeps its place. Answers a queue and 1 for each. New places come from where all arrivals do: as many rows are
-- inserted, their numbers kept, and deleted again, unseen by anybody. Plan: qj_due, then the primary key.
SELECT seq, statusid IN (0, 7) AS fresh, COALESCE(queue, '') AS queue FROM queue_jobs FORCE INDEX (qj_due)
WHERE dueat <= UTC_TIMESTAMP(6) ORDER BY dueat, seq LIMIT :limit FOR UPDATE SKIP LOCKED
----
INSERT INTO queue_jobs (handler, createdby, statusid, active)
SELECT '', 'hub.place', 3, FALSE FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (seq bigint PATH '$[0]')) v
----
SELECT p.seq, d.seq AS was, d.fresh
FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) AS n FROM queue_jobs FORCE INDEX (PRIMARY)
      WHERE seq >= LAST_INSERT_ID() AND createdby = 'hub.place' AND handler = '' AND statusid = 3 AND NOT active) p
JOIN JSON_TABLE(:firstrows, '$[*]' COLUMNS (n FOR ORDINALITY, seq bigint PATH '$[0]', fresh int PATH '$[1]')) d
    ON d.n = p.n
----
DELETE FROM queue_jobs WHERE seq IN :found
----
UPDATE JSON_TABLE(:foundrows, '$[*]' COLUMNS (
    seq bigint PATH '$[0]', was bigint PATH '$[1]', fresh int PATH '$[2]')) p
STRAIGHT_JOIN queue_jobs j FORCE INDEX (PRIMARY) ON j.seq = p.was
SET j.gate = 3, j.seq = IF(p.fresh, p.seq, j.seq), j.statusid = IF(p.fresh, 1, j.statusid)
----
SELECT queue, 1 AS n FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (
    queue longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]')) v
