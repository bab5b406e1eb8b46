-- A page of dead letters, the last arrived first; :cursor is the last seq of the page before. Plan: qj_dead, backwards.
SELECT id, typeid, method, protocol, direction, handler, metadata, LEFT(payload, :cut) AS payload,
       LEFT(result, :cut) AS result, statusid, priority, maxretries, retrycount, scheduledat, startedat, completedat,
       lasterror, parentjobid, queue, contenttype, payloadencoding, source, dedupekey, orderingkey, timeout, traceparent,
       fence, leaseowner, leaseuntil, crashcount, attemptbase, unknownsince, failure, cancelrequested, progress,
       progressnote, seq, active, referenceid, createdby, createdon, modifiedby, modifiedon, rowversionstamp
FROM queue_jobs FORCE INDEX (qj_dead)
WHERE dead = TRUE AND active AND seq < COALESCE(:cursor, 9223372036854775807)
  AND (:handler IS NULL OR handler = :handler)
  AND (:queue IS NULL OR COALESCE(queue, 'default') = :queue)
  AND (:failure IS NULL OR failure = :failure)
  AND (:since IS NULL OR completedat >= :since)
ORDER BY seq DESC LIMIT :limit
