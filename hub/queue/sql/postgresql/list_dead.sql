-- A page of dead letters, the last arrived first; :cursor is the last seq of the page before. Plan: qj_dead, backwards.
SELECT id, typeid, method, protocol, direction, handler, metadata, left(payload, :cut::int) AS payload,
       left(result, :cut::int) AS result, statusid, priority, maxretries, retrycount, scheduledat, startedat,
       completedat, lasterror, parentjobid, queue, contenttype, payloadencoding, source, dedupekey, orderingkey,
       timeout, traceparent, fence, leaseowner, leaseuntil, crashcount, attemptbase, unknownsince, failure,
       cancelrequested, progress, progressnote, seq, active, referenceid, createdby, createdon, modifiedby, modifiedon, rowversionstamp
FROM queue_jobs
WHERE statusid = 4 AND active AND seq < COALESCE(:cursor::bigint, 9223372036854775807)
  AND (:handler::text IS NULL OR handler = :handler::text)
  AND (:queue::text IS NULL OR COALESCE(queue, 'default') = :queue::text)
  AND (:failure::text IS NULL OR failure = :failure::text)
  AND (:since::timestamptz IS NULL OR completedat >= :since::timestamptz)
ORDER BY seq DESC LIMIT :limit::int
