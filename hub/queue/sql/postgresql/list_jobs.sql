-- A page of jobs, newest first by id (ours carry their time, an index on arrival would cost every job three entries);
-- :cursor is the last id of the page before. Long texts are cut to :cut characters. Plan: primary key, backwards.
SELECT id, typeid, method, protocol, direction, handler, metadata, left(payload, :cut::int) AS payload,
       left(result, :cut::int) AS result, statusid, priority, maxretries, retrycount, scheduledat, startedat,
       completedat, lasterror, parentjobid, queue, contenttype, payloadencoding, source, dedupekey, orderingkey,
       timeout, traceparent, fence, leaseowner, leaseuntil, crashcount, attemptbase, unknownsince, failure,
       cancelrequested, progress, progressnote, seq, active, referenceid, createdby, createdon, modifiedby, modifiedon, rowversionstamp
FROM queue_jobs
WHERE id <= COALESCE(:cursor::text, (SELECT max(id) FROM queue_jobs)) AND id IS DISTINCT FROM :cursor::text
  AND (:status::int IS NULL OR statusid = :status::int)
  AND (:handler::text IS NULL OR handler = :handler::text)
  AND (:queue::text IS NULL OR COALESCE(queue, 'default') = :queue::text)
  AND (:protocol::text IS NULL OR protocol = :protocol::text)
  AND (:since::timestamptz IS NULL OR createdon >= :since::timestamptz)
ORDER BY id DESC LIMIT :limit::int
