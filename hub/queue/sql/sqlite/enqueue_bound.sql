-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, orderingkey, source, dedupekey,
--   parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
--   createdby, statusid, lasterror, failure, uniquekey, waits
-- As enqueue.sql, for a batch in which rows are bound to others: by a unique key, which inserts nothing while another
-- has it (known_unique.sql finds that row), or by waiting for the children of their parent: those are parked (gate 2).
-- Whoever inserts wakes the workers of this process itself: there is no other one.
INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, orderingkey, source, dedupekey,
    parentjobid, typeid, method, protocol, direction, metadata, contenttype, payloadencoding, timeout, traceparent,
    createdby, statusid, lasterror, failure, completedat, uniquekey, waits, gate)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
       CASE WHEN value ->> 7 IS NULL THEN value ->> 6
            ELSE COALESCE(strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (value ->> 7) || ' seconds'),
                          '9999-12-31T23:59:59.999Z') END,
       value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
       value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, value ->> 21,
       CASE WHEN value ->> 22 = 0 AND COALESCE(value ->> 6, value ->> 7) IS NOT NULL THEN 7 ELSE value ->> 22 END,
       value ->> 23, value ->> 24,
       CASE WHEN value ->> 22 = 4 THEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') END,
       value ->> 25, value ->> 26, CASE WHEN value ->> 26 IS NULL THEN 0 ELSE 2 END
FROM json_each(:rows) WHERE TRUE
ON CONFLICT (source, dedupekey) WHERE dedupekey IS NOT NULL DO NOTHING
ON CONFLICT (handler, uniquekey) WHERE uniquekey IS NOT NULL AND statusid IN (0, 1, 2, 5, 7) DO NOTHING
RETURNING id, NULL AS notified
