-- Per handler, over the last :most attempts of the last :seconds: how many, how they ended, how long they took (ms).
-- Plan: jh_started, backwards, and the primary key of the jobs.
WITH recent AS MATERIALIZED (
    SELECT jobid, statusid, COALESCE(duration, 0) AS duration FROM job_histories
    WHERE startedat > now() - make_interval(secs => :seconds::float8) ORDER BY startedat DESC LIMIT :most::int
), ranked AS (
    SELECT j.handler, h.statusid, h.duration,
           row_number() OVER (PARTITION BY j.handler ORDER BY h.duration) AS place,
           count(*) OVER (PARTITION BY j.handler) AS n
    FROM recent h JOIN queue_jobs j ON j.id = h.jobid
)
SELECT handler, count(*) AS total, count(*) FILTER (WHERE statusid = 3) AS completed,
       count(*) FILTER (WHERE statusid = 4) AS failed, avg(duration)::float8 AS avg_duration_ms,
       min(duration) FILTER (WHERE place >= 0.95 * n) AS p95_duration_ms
FROM ranked GROUP BY handler
