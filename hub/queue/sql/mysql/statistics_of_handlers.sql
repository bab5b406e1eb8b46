-- Per handler, over the last :most attempts of the last :seconds: how many, how they ended, how long they took (ms).
-- Plan: jh_started, backwards, and qj_id.
SELECT handler, COUNT(*) AS total, CAST(SUM(statusid = 3) AS SIGNED) AS completed,
       CAST(SUM(statusid = 4) AS SIGNED) AS failed, AVG(duration) + 0e0 AS avg_duration_ms,
       MIN(IF(place >= 0.95 * n, duration, NULL)) AS p95_duration_ms
FROM (
    SELECT j.handler, h.statusid, h.duration,
           ROW_NUMBER() OVER (PARTITION BY j.handler ORDER BY h.duration) AS place,
           COUNT(*) OVER (PARTITION BY j.handler) AS n
    FROM (
        SELECT jobid, statusid, COALESCE(duration, 0) AS duration FROM job_histories FORCE INDEX (jh_started)
        WHERE startedat > UTC_TIMESTAMP(6) - INTERVAL CAST(:seconds AS SIGNED) SECOND
        ORDER BY startedat DESC LIMIT :most
    ) h JOIN queue_jobs j ON j.id = h.jobid
) ranked GROUP BY handler
