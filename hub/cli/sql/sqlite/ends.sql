-- Attempts that ended after :after, the earliest first, among the :most that began last: what `hub jobs tail` follows.
-- With :after NULL the last :limit ends of all; a text that is no time is none. Plan: jh_started, backwards, and the unique
-- index on the jobs' ids.
WITH recent AS MATERIALIZED (
    SELECT id, jobid, statusid, strftime('%Y-%m-%dT%H:%M:%fZ', completedat) AS completedat, duration, errormessage,
           retryattempt, executedby
    FROM job_histories WHERE startedat IS NOT NULL ORDER BY startedat DESC LIMIT :most
), ends AS (
    SELECT h.id, h.jobid, j.handler, COALESCE(j.queue, 'default') AS queue, h.statusid, h.completedat, h.duration,
           h.errormessage, h.retryattempt, h.executedby
    FROM recent h JOIN queue_jobs j ON j.id = h.jobid
    WHERE h.completedat > COALESCE(:after, '')
      AND (:status IS NULL OR h.statusid = :status)
      AND (:handler IS NULL OR j.handler = :handler)
      AND (:queue IS NULL OR COALESCE(j.queue, 'default') = :queue)
    ORDER BY h.completedat DESC, h.id DESC LIMIT :limit
)
SELECT * FROM ends ORDER BY completedat, id
