-- A page of jobs, newest first by id (ours carry their time, an index on arrival would cost every job an entry more);
-- :cursor is the last id of the page before. Long texts are cut to :cut characters. Plan: qj_id, backwards.
SELECT id, typeid, method, protocol, direction, handler, metadata, LEFT(payload, :cut) AS payload,
       LEFT(result, :cut) AS result, statusid, priority, maxretries, retrycount, scheduledat, startedat, completedat,
       lasterror, parentjobid, queue, contenttype, payloadencoding, source, dedupekey, orderingkey, timeout, traceparent,
       fence, leaseowner, leaseuntil, crashcount, attemptbase, unknownsince, failure, cancelrequested, progress,
       progressnote, seq, active, referenceid, createdby, createdon, modifiedby, modifiedon, rowversionstamp
FROM queue_jobs FORCE INDEX (qj_id)
WHERE (:cursor IS NULL OR id < :cursor)
  AND (:status IS NULL OR statusid = :status)
  AND (:handler IS NULL OR handler = :handler)
  AND (:queue IS NULL OR COALESCE(queue, 'default') = :queue)
  AND (:protocol IS NULL OR protocol = :protocol)
  AND (:since IS NULL OR createdon >= :since)
ORDER BY id DESC LIMIT :limit
