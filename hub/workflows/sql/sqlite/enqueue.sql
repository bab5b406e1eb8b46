-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, metadata, timeout, traceparent
-- The jobs of steps that begin: what all of them have alike is here, and they have no key that could be taken.
INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, metadata, timeout, traceparent,
                        method, statusid)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
       CASE WHEN value ->> 7 IS NULL THEN value ->> 6
            ELSE COALESCE(strftime('%Y-%m-%dT%H:%M:%fZ', 'now', (value ->> 7) || ' seconds'),
                          '9999-12-31T23:59:59.999Z') END,
       value ->> 8, value ->> 9, value ->> 10, 'workflow',
       CASE WHEN COALESCE(value ->> 6, value ->> 7) IS NULL THEN 0 ELSE 7 END
FROM json_each(:rows)
