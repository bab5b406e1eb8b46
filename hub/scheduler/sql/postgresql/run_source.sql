-- The job that began a run: its payload says the tasks'. Plan: primary key.
SELECT id, payload, queue, priority, timeout, metadata::text AS metadata
FROM queue_jobs WHERE id = :id::text AND payloadencoding = 'text'
