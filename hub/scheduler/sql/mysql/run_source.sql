-- The job that began a run: its payload says the tasks'. Plan: qj_id.
SELECT id, payload, queue, priority, timeout, metadata
FROM queue_jobs WHERE id = :id AND payloadencoding = 'text'
