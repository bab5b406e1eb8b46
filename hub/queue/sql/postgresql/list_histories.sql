-- A page of attempts, newest first by id (ours carry their time); :cursor is the last id of the page before.
-- Plan: primary key, backwards, and the primary key of the jobs.
SELECT h.id, h.jobid, j.handler, h.executionid, h.statusid, h.startedat, h.completedat, h.duration, h.result,
       h.errormessage, h.retryattempt, h.executedby, left(h.inputdata, :cut::int) AS inputdata,
       left(h.outputdata, :cut::int) AS outputdata,
       h.metadata, h.active, h.referenceid, h.createdby, h.createdon, h.modifiedby, h.modifiedon, h.rowversionstamp
FROM job_histories h JOIN queue_jobs j ON j.id = h.jobid
WHERE h.id <= COALESCE(:cursor::text, (SELECT max(id) FROM job_histories)) AND h.id IS DISTINCT FROM :cursor::text
  AND (:handler::text IS NULL OR j.handler = :handler::text)
  AND (:status::int IS NULL OR h.statusid = :status::int)
  AND (:since::timestamptz IS NULL OR h.startedat >= :since::timestamptz)
ORDER BY h.id DESC LIMIT :limit::int
