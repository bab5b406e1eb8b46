-- A page of one job's attempts, newest first. Plan: jh_job.
SELECT h.id, h.jobid, j.handler, h.executionid, h.statusid, h.startedat, h.completedat, h.duration, h.result,
       h.errormessage, h.retryattempt, h.executedby, left(h.inputdata, :cut::int) AS inputdata,
       left(h.outputdata, :cut::int) AS outputdata,
       h.metadata, h.active, h.referenceid, h.createdby, h.createdon, h.modifiedby, h.modifiedon, h.rowversionstamp
FROM job_histories h JOIN queue_jobs j ON j.id = h.jobid
WHERE h.jobid = :job_id::text AND (:cursor::text IS NULL OR h.id < :cursor::text)
  AND (:handler::text IS NULL OR j.handler = :handler::text)
  AND (:status::int IS NULL OR h.statusid = :status::int)
  AND (:since::timestamptz IS NULL OR h.startedat >= :since::timestamptz)
ORDER BY h.id DESC LIMIT :limit::int
