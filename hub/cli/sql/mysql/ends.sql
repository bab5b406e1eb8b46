-- Attempts that ended after :after, the earliest first, among the :most that began last: what `hub jobs tail` follows.
-- With :after NULL the last :limit ends of all. Plan: jh_started, backwards, and qj_id.
SELECT * FROM (
    SELECT h.id, h.jobid, j.handler, COALESCE(j.queue, 'default') AS queue, h.statusid, h.completedat, h.duration,
           h.errormessage, h.retryattempt, h.executedby
    FROM (
        SELECT id, jobid, statusid, completedat, duration, errormessage, retryattempt, executedby
        FROM job_histories FORCE INDEX (jh_started) WHERE startedat IS NOT NULL ORDER BY startedat DESC LIMIT :most
    ) h JOIN queue_jobs j ON j.id = h.jobid
    WHERE (:after IS NULL OR h.completedat > :after)
      AND (:status IS NULL OR h.statusid = :status)
      AND (:handler IS NULL OR j.handler = :handler)
      AND (:queue IS NULL OR COALESCE(j.queue, 'default') = :queue)
    ORDER BY h.completedat DESC, h.id DESC LIMIT :limit
) ends ORDER BY completedat, id
