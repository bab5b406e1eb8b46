-- The job that began a run: its payload says the tasks'. Plan: the unique index on id.
SELECT id, payload, queue, priority, timeout, metadata
FROM queue_jobs WHERE id = :id AND payloadencoding = 'text'
