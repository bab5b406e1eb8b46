-- Take up to :limit runnable rows of a queue ('' = rows that name none), priority first, then arrival.
--
-- Candidates are read without a lock (a locking read would wade through what others have just taken, and through what a
-- long snapshot keeps from being purged) and locked by primary key, in their order; twice as many as wanted, so that
-- another claim at the same moment leaves some. Rows without an ordering key are simply taken. Of a key only its first
-- live row is taken, and holds the key's slot until its end; any other is parked (gate 1) until the release after a
-- finish opens it. The keys are looked at after the lock, by a statement that sees what was committed before it.
-- Rows that others had locked are answered too, as not taken: there is more to claim.
-- :ceiling leaves out what is above it, for a claim that begins with what has aged (hub/queue/ageing.py).
-- Plan: qj_claim alone, then the primary key.
SELECT seq FROM queue_jobs FORCE INDEX (qj_claim) WHERE openqueue = :queue AND priority <= :ceiling
ORDER BY priority DESC, seq LIMIT :twice
----
(SELECT j.seq
 FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (seq bigint PATH '$[0]')) c
 STRAIGHT_JOIN queue_jobs j FORCE INDEX (PRIMARY) ON j.seq = c.seq
 WHERE j.openqueue = :queue
 LIMIT :limit FOR UPDATE /*!80000 OF j */ SKIP LOCKED)
UNION ALL SELECT 0
----
SELECT j.seq, j.orderingkey IS NULL OR (
           j.seq = (SELECT e.seq FROM queue_jobs e FORCE INDEX (qj_key) WHERE e.livekey = j.orderingkey ORDER BY e.seq LIMIT 1)
           AND NOT EXISTS (SELECT 1 FROM queue_jobs s WHERE s.keyslot = j.orderingkey)) AS take
FROM queue_jobs j FORCE INDEX (PRIMARY) WHERE j.seq IN :found
UNION ALL SELECT 0, 0
----
UPDATE JSON_TABLE(:foundrows, '$[*]' COLUMNS (seq bigint PATH '$[0]', take int PATH '$[1]')) v
STRAIGHT_JOIN queue_jobs j FORCE INDEX (PRIMARY) ON j.seq = v.seq
SET j.statusid = IF(v.take, 2, j.statusid),
    j.gate = IF(v.take, 0, 1),
    j.fence = j.fence + v.take,
    j.keyslot = IF(v.take, j.orderingkey, NULL),
    j.queue = COALESCE(j.queue, JSON_UNQUOTE(JSON_EXTRACT(:queues, CONCAT('$.', JSON_QUOTE(j.handler)))), 'default'),
    j.maxretries = COALESCE(j.maxretries, JSON_UNQUOTE(JSON_EXTRACT(:retries, CONCAT('$.', JSON_QUOTE(j.handler)))),
                            :max_retries),
    j.leaseowner = IF(v.take, :owner, j.leaseowner),
    j.leaseuntil = IF(v.take, UTC_TIMESTAMP(6) + INTERVAL CAST(:lease * 1000000 AS SIGNED) MICROSECOND, NULL),
    j.startedat = IF(v.take, UTC_TIMESTAMP(6), j.startedat),
    j.modifiedon = UTC_TIMESTAMP(6),
    j.rowversionstamp = j.rowversionstamp + 1
----
SELECT statusid = 2 AS take, seq,
    id, fence, handler, IF(statusid = 2, payload, NULL) AS payload, contenttype, payloadencoding, queue, priority,
    maxretries, retrycount, crashcount, attemptbase, orderingkey, timeout, metadata, typeid,
    protocol, direction, method, parentjobid, traceparent,
    COALESCE(TIMESTAMPDIFF(MICROSECOND, unknownsince, UTC_TIMESTAMP(6)), 0) / 1e6 AS unknownfor
FROM queue_jobs FORCE INDEX (PRIMARY) WHERE seq IN :found
UNION ALL
SELECT 0, c.seq, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL
FROM JSON_TABLE(:firstrows, '$[*]' COLUMNS (seq bigint PATH '$[0]')) c
WHERE JSON_LENGTH(:foundrows) - 1 < :limit AND JSON_LENGTH(:foundrows) - 1 < JSON_LENGTH(:firstrows)
