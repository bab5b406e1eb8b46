-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, orderingkey, source, dedupekey,
--   parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
--   createdby, statusid, lasterror, failure, uniquekey, waits
-- As enqueue.sql, for a batch in which rows are bound to others: by a unique key, which inserts nothing while another
-- has it (known_unique.sql finds that row), or by waiting for the children of their parent: those are parked (gate 2).
-- Two inserts, as one can name only one conflict.
WITH v AS MATERIALIZED (
    SELECT id, handler, payload, queue, priority, maxretries,
           CASE WHEN delay IS NULL THEN scheduledat
                ELSE clock_timestamp() + make_interval(secs => LEAST(delay, 2.5e11)) END AS scheduledat,
           orderingkey, source, dedupekey, parentjobid, typeid, method, protocol, direction, metadata::jsonb AS metadata,
           contenttype, payloadencoding, timeout, traceparent, createdby,
           CASE WHEN statusid = 0 AND (scheduledat IS NOT NULL OR delay IS NOT NULL) THEN 7 ELSE statusid END AS statusid,
           lasterror, failure, CASE WHEN statusid = 4 THEN clock_timestamp() END AS completedat, uniquekey, waits,
           CASE WHEN waits IS NULL THEN 0 ELSE 2 END AS gate
    FROM unnest(:id::text[], :handler::text[], :payload::text[], :queue::text[], :priority::int[], :maxretries::int[],
        :scheduledat::timestamptz[], :delay::float8[], :orderingkey::text[], :source::text[], :dedupekey::text[],
        :parentjobid::text[], :typeid::int[], :method::text[], :protocol::text[], :direction::text[], :metadata::text[],
        :contenttype::text[], :payloadencoding::text[], :timeout::float8[], :traceparent::text[], :createdby::text[],
        :statusid::int[], :lasterror::text[], :failure::text[],
        :uniquekey::text[], :waits::text[])
        AS v (id, handler, payload, queue, priority, maxretries, scheduledat, delay, orderingkey, source, dedupekey,
        parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
        createdby, statusid, lasterror, failure, uniquekey, waits)
), fresh AS (
    INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, orderingkey, source, dedupekey,
        parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
        createdby, statusid, lasterror, failure, completedat, uniquekey, waits, gate)
    SELECT * FROM v WHERE uniquekey IS NULL
    ON CONFLICT (source, dedupekey) WHERE dedupekey IS NOT NULL DO NOTHING
    RETURNING id, queue
), single AS (
    INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, orderingkey, source, dedupekey,
        parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
        createdby, statusid, lasterror, failure, completedat, uniquekey, waits, gate)
    SELECT * FROM v WHERE uniquekey IS NOT NULL
    ON CONFLICT (handler, uniquekey) WHERE uniquekey IS NOT NULL AND statusid IN (0, 1, 2, 5, 7) DO NOTHING
    RETURNING id, queue
), made AS (
    SELECT id, queue FROM fresh UNION ALL SELECT id, queue FROM single
)
SELECT id, NULL AS notified FROM made
UNION ALL
SELECT NULL, pg_notify('hub_jobs', q)::text FROM (SELECT DISTINCT COALESCE(queue, '') AS q FROM made) woken
WHERE :notify::boolean
