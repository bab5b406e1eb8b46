-- Attempts that ended after :after, the earliest first, among the :most that began last: what `hub jobs tail` follows.
-- With :after NULL the last :limit ends of all. Plan: jh_started, backwards, and the primary key of the jobs.
WITH recent AS MATERIALIZED (
    SELECT id, jobid, statusid, completedat, duration, errormessage, retryattempt, executedby
    FROM job_histories WHERE startedat IS NOT NULL ORDER BY startedat DESC LIMIT :most::int
), ends AS (
    SELECT h.id, h.jobid, j.handler, COALESCE(j.queue, 'default') AS queue, h.statusid, h.completedat, h.duration,
           h.errormessage, h.retryattempt, h.executedby
    FROM recent h JOIN queue_jobs j ON j.id = h.jobid
    WHERE h.completedat > COALESCE(:after::timestamptz, '-infinity')
      AND (:status::int IS NULL OR h.statusid = :status::int)
      AND (:handler::text IS NULL OR j.handler = :handler::text)
      AND (:queue::text IS NULL OR COALESCE(j.queue, 'default') = :queue::text)
    ORDER BY h.completedat DESC, h.id DESC LIMIT :limit::int
)
SELECT * FROM ends ORDER BY completedat, id
