-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, orderingkey, source, dedupekey,
--   parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
--   createdby, statusid, lasterror, failure
-- Insert a batch in the order given. Answers the ids that are new, and 'notified' rows that only wake the workers of
-- each queue once ("hub_jobs" also has them look what is due, "hub_ready" says that nothing has a time); a dedupe key
-- that is there already inserts nothing (known.sql finds its row).
WITH fresh AS (
    INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, orderingkey, source, dedupekey,
        parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
        createdby, statusid, lasterror, failure, completedat)
    SELECT id, handler, payload, queue, priority, maxretries,
           CASE WHEN delay IS NULL THEN scheduledat
                ELSE clock_timestamp() + make_interval(secs => LEAST(delay, 2.5e11)) END,
           orderingkey, source, dedupekey, parentjobid, typeid, method, protocol, direction, metadata::jsonb, contenttype,
           payloadencoding, timeout, traceparent, createdby,
           CASE WHEN statusid = 0 AND (scheduledat IS NOT NULL OR delay IS NOT NULL) THEN 7 ELSE statusid END,
           lasterror, failure, CASE WHEN statusid = 4 THEN clock_timestamp() END
    FROM unnest(:id::text[], :handler::text[], :payload::text[], :queue::text[], :priority::int[], :maxretries::int[],
        :scheduledat::timestamptz[], :delay::float8[], :orderingkey::text[], :source::text[], :dedupekey::text[],
        :parentjobid::text[], :typeid::int[], :method::text[], :protocol::text[], :direction::text[], :metadata::text[],
        :contenttype::text[], :payloadencoding::text[], :timeout::float8[], :traceparent::text[], :createdby::text[],
        :statusid::int[], :lasterror::text[], :failure::text[])
        AS v (id, handler, payload, queue, priority, maxretries, scheduledat, delay, orderingkey, source, dedupekey,
        parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
        createdby, statusid, lasterror, failure)
    ON CONFLICT (source, dedupekey) WHERE dedupekey IS NOT NULL DO NOTHING
    RETURNING id, queue, scheduledat
)
SELECT id, NULL AS notified FROM fresh
UNION ALL
SELECT NULL, pg_notify(CASE WHEN timed THEN 'hub_jobs' ELSE 'hub_ready' END, q)::text
FROM (SELECT COALESCE(queue, '') AS q, bool_or(scheduledat IS NOT NULL) AS timed FROM fresh GROUP BY 1) woken
WHERE :notify::boolean
