-- Per handler, over the last :most attempts of the last :seconds: how many, how they ended, how long they took (ms).
-- Plan: jh_started, backwards, and the unique index on the jobs' id.
WITH recent AS MATERIALIZED (
    SELECT jobid, statusid, COALESCE(duration, 0) AS duration FROM job_histories
    WHERE startedat > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:seconds || ' seconds') ORDER BY startedat DESC LIMIT :most
), ranked AS (
    SELECT j.handler, h.statusid, h.duration,
           row_number() OVER (PARTITION BY j.handler ORDER BY h.duration) AS place,
           count(*) OVER (PARTITION BY j.handler) AS n
    FROM recent h JOIN queue_jobs j ON j.id = h.jobid
)
SELECT handler, count(*) AS total, count(*) FILTER (WHERE statusid = 3) AS completed,
       count(*) FILTER (WHERE statusid = 4) AS failed, avg(duration) AS avg_duration_ms,
       min(duration) FILTER (WHERE place >= 0.95 * n) AS p95_duration_ms
FROM ranked GROUP BY handler
