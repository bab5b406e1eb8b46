-- columns: id, handler, payload, queue, priority, maxretries, scheduledat, delay, metadata, timeout, traceparent
-- The jobs of steps that begin: what all of them have alike is here, and they have no key that could be taken. Wakes the
-- workers of :queues; those who hear "hub_jobs" also look what has been given a time, "hub_ready" says that nothing was.
WITH fresh AS (
    INSERT INTO queue_jobs (id, handler, payload, queue, priority, maxretries, scheduledat, metadata, timeout, traceparent,
                            method, statusid)
    SELECT id, handler, payload, queue, priority, maxretries,
           CASE WHEN delay IS NULL THEN scheduledat
                ELSE clock_timestamp() + make_interval(secs => LEAST(delay, 2.5e11)) END,
           metadata::jsonb, timeout, traceparent, 'workflow',
           CASE WHEN scheduledat IS NULL AND delay IS NULL THEN 0 ELSE 7 END
    FROM unnest(:rows::hub_step_job[])
)
SELECT pg_notify(:channel::text, q) FROM unnest(:queues::text[]) AS v (q)
