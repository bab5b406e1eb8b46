-- A page of jobs, newest first by id as on every database (ours carry their time); :cursor is the last id of the page
-- before. Long texts are cut to :cut characters. Plan: the unique index on id, backwards.
SELECT id, typeid, method, protocol, direction, handler, metadata, substr(payload, 1, :cut) AS payload,
       substr(result, 1, :cut) AS result, statusid, priority, maxretries, retrycount, scheduledat, startedat,
       completedat, lasterror, parentjobid, queue, contenttype, payloadencoding, source, dedupekey, orderingkey,
       timeout, traceparent, fence, leaseowner, leaseuntil, crashcount, attemptbase, unknownsince, failure,
       cancelrequested, progress, progressnote, seq, active, referenceid, createdby, createdon, modifiedby, modifiedon, rowversionstamp
FROM queue_jobs
WHERE id <= COALESCE(:cursor, (SELECT max(id) FROM queue_jobs)) AND id IS NOT :cursor
  AND (:status IS NULL OR statusid = :status)
  AND (:handler IS NULL OR handler = :handler)
  AND (:queue IS NULL OR COALESCE(queue, 'default') = :queue)
  AND (:protocol IS NULL OR protocol = :protocol)
  AND (:since IS NULL OR createdon >= :since)
ORDER BY id DESC LIMIT :limit
