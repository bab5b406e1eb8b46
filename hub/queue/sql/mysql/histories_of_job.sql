-- A page of one job's attempts, newest first. Plan: jh_job.
SELECT h.id, h.jobid, j.handler, h.executionid, h.statusid, h.startedat, h.completedat, h.duration, h.result, h.errormessage,
       h.retryattempt, h.executedby, LEFT(h.inputdata, :cut) AS inputdata, LEFT(h.outputdata, :cut) AS outputdata,
       h.metadata, h.active, h.referenceid, h.createdby, h.createdon, h.modifiedby, h.modifiedon, h.rowversionstamp
FROM job_histories h FORCE INDEX (jh_job) JOIN queue_jobs j ON j.id = h.jobid
WHERE h.jobid = :job_id AND (:cursor IS NULL OR h.id < :cursor)
  AND (:handler IS NULL OR j.handler = :handler)
  AND (:status IS NULL OR h.statusid = :status)
  AND (:since IS NULL OR h.startedat >= :since)
ORDER BY h.id DESC LIMIT :limit
