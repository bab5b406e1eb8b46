-- A page of attempts, newest first by id (ours carry their time); :cursor is the last id of the page before.
-- Plan: primary key, backwards, and qj_id.
SELECT h.id, h.jobid, j.handler, h.executionid, h.statusid, h.startedat, h.completedat, h.duration, h.result, h.errormessage,
       h.retryattempt, h.executedby, LEFT(h.inputdata, :cut) AS inputdata, LEFT(h.outputdata, :cut) AS outputdata,
       h.metadata, h.active, h.referenceid, h.createdby, h.createdon, h.modifiedby, h.modifiedon, h.rowversionstamp
FROM job_histories h FORCE INDEX (PRIMARY) STRAIGHT_JOIN queue_jobs j FORCE INDEX (qj_id) ON j.id = h.jobid
WHERE (:cursor IS NULL OR h.id < :cursor)
  AND (:handler IS NULL OR j.handler = :handler)
  AND (:status IS NULL OR h.statusid = :status)
  AND (:since IS NULL OR h.startedat >= :since)
ORDER BY h.id DESC LIMIT :limit
