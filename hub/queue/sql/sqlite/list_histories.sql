-- A page of attempts, newest first by id (ours carry their time); :cursor is the last id of the page before.
-- Plan: primary key, backwards, and the unique index on the jobs' id.
SELECT h.id, h.jobid, j.handler, h.executionid, h.statusid, h.startedat, h.completedat, h.duration, h.result,
       h.errormessage, h.retryattempt, h.executedby, substr(h.inputdata, 1, :cut) AS inputdata,
       substr(h.outputdata, 1, :cut) AS outputdata,
       h.metadata, h.active, h.referenceid, h.createdby, h.createdon, h.modifiedby, h.modifiedon, h.rowversionstamp
FROM job_histories h JOIN queue_jobs j ON j.id = h.jobid
WHERE h.id <= COALESCE(:cursor, (SELECT max(id) FROM job_histories)) AND h.id IS NOT :cursor
  AND (:handler IS NULL OR j.handler = :handler)
  AND (:status IS NULL OR h.statusid = :status)
  AND (:since IS NULL OR h.startedat >= :since)
ORDER BY h.id DESC LIMIT :limit
