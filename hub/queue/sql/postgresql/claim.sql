-- Take up to :limit runnable rows of a queue ('' = rows that name none), priority first, then arrival.
--
-- Rows without an ordering key are simply taken. Of a key only its first live row may start, and with it up to :run
-- rows that follow it unbroken (they run one after another; the last of them holds the key's slot, which is unique).
-- Any other row of the key met on the way is parked (gate 1) until the release after a finish opens it.
-- The fence tells a stale snapshot from the locked row: without it a claim could park a row that nobody opens again.
-- :priorities and :floors (both NULL: neither) name the priorities there are and where to go on in each: while an old
-- snapshot is held elsewhere, the dead entries before that place would be walked anew by every claim (hub/queue/floors.py).
-- Plan: qj_claim (queue, priority, seq), then the primary key. docs/claiming.md has the proofs and the figures.
WITH plain AS MATERIALIZED (
    SELECT id, orderingkey AS k, seq, fence FROM queue_jobs
    WHERE :priorities::int[] IS NULL AND COALESCE(queue, '') = :queue::text
      AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
    ORDER BY priority DESC, seq LIMIT :limit::int FOR UPDATE SKIP LOCKED
), above AS MATERIALIZED (
    SELECT open.* FROM unnest(:priorities::int[], :floors::bigint[]) known (priority, floor) CROSS JOIN LATERAL (
        SELECT id, orderingkey AS k, seq, fence FROM queue_jobs
        WHERE COALESCE(queue, '') = :queue::text
          AND active AND statusid IN (0, 1, 5, 7) AND (gate = 3 OR gate = 0 AND scheduledat IS NULL)
          AND priority = known.priority AND seq > known.floor
        ORDER BY seq LIMIT :limit::int FOR UPDATE SKIP LOCKED
    ) open LIMIT :limit::int
), candidate AS MATERIALIZED (
    SELECT * FROM plain UNION ALL SELECT * FROM above
), head AS MATERIALIZED (
    SELECT c.id, c.k, c.seq FROM candidate c
    CROSS JOIN LATERAL (
        SELECT e.id FROM queue_jobs e
        WHERE e.orderingkey = c.k
          AND (e.statusid = 2 OR e.active AND (e.statusid IN (1, 5) OR e.statusid = 0 AND e.scheduledat IS NULL))
        ORDER BY e.seq LIMIT 1
    ) first
    WHERE c.k IS NOT NULL AND first.id = c.id AND (SELECT s.id FROM queue_jobs s WHERE s.keyslot = c.k) IS NULL
), follower AS MATERIALIZED (
    SELECT f.id, h.k, f.rn FROM head h CROSS JOIN LATERAL (
        SELECT e.id, row_number() OVER w AS rn,
               bool_and(e.statusid <> 2 AND COALESCE(e.queue, '') = :queue::text
                        AND (e.scheduledat IS NULL OR e.scheduledat <= now())) OVER w AS ok
        FROM (
            SELECT id, seq, statusid, scheduledat, queue FROM queue_jobs
            WHERE orderingkey = h.k AND seq > h.seq
              AND (statusid = 2 OR active AND (statusid IN (1, 5) OR statusid = 0 AND scheduledat IS NULL))
            ORDER BY seq LIMIT :run::int
        ) e WINDOW w AS (ORDER BY e.seq)
    ) f WHERE f.ok
), locked AS MATERIALIZED (
    SELECT q.id FROM queue_jobs q
    WHERE q.id = ANY (ARRAY(SELECT id FROM follower)) AND q.active AND q.statusid IN (0, 1, 5)
      AND (q.scheduledat IS NULL OR q.scheduledat <= clock_timestamp())
    FOR UPDATE SKIP LOCKED
), unbroken AS MATERIALIZED (
    SELECT id, k, rn FROM (
        SELECT f.*, bool_and(l.id IS NOT NULL) OVER (PARTITION BY f.k ORDER BY f.rn) AS ok
        FROM follower f LEFT JOIN locked l USING (id)
    ) x WHERE ok
), verdict AS MATERIALIZED (
    SELECT id, NULL::text AS slot, TRUE AS take FROM candidate WHERE k IS NULL
    UNION ALL
    SELECT id, CASE WHEN rn = max(rn) OVER (PARTITION BY k) THEN k END, TRUE
    FROM (SELECT id, k, 0 AS rn FROM head UNION ALL SELECT id, k, rn FROM unbroken) run
    UNION ALL
    SELECT c.id, NULL, FALSE FROM candidate c JOIN queue_jobs s ON s.id = ANY (ARRAY[c.id])
    WHERE c.k IS NOT NULL AND s.fence = c.fence
      AND c.id NOT IN (SELECT id FROM head UNION ALL SELECT id FROM unbroken)
)
UPDATE queue_jobs j SET
    statusid = CASE WHEN v.take THEN 2 ELSE j.statusid END,
    gate = CASE WHEN v.take THEN 0 ELSE 1 END,
    fence = j.fence + v.take::int,
    keyslot = v.slot,
    queue = COALESCE(j.queue, :queues::jsonb ->> j.handler, 'default'),
    maxretries = COALESCE(j.maxretries, (:retries::jsonb ->> j.handler)::int, :max_retries::int),
    leaseowner = CASE WHEN v.take THEN :owner::text ELSE j.leaseowner END,
    leaseuntil = CASE WHEN v.take THEN clock_timestamp() + make_interval(secs => :lease::float8) END,
    startedat = CASE WHEN v.take THEN clock_timestamp() ELSE j.startedat END,
    modifiedon = clock_timestamp(),
    rowversionstamp = j.rowversionstamp + 1
FROM verdict v
WHERE j.id = ANY (ARRAY[v.id])
RETURNING v.take, j.seq,
    j.id, j.fence, j.handler, CASE WHEN v.take THEN j.payload END, j.contenttype, j.payloadencoding, j.queue, j.priority,
    j.maxretries, j.retrycount, j.crashcount, j.attemptbase, j.orderingkey, j.timeout, j.metadata::text, j.typeid,
    j.protocol, j.direction, j.method, j.parentjobid, j.traceparent,
    COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - j.unknownsince), 0)::float8
