-- How many dead letters there are, of a handler or a queue if one is named; the count ends at :most. Plan: qj_dead.
SELECT count(*) AS n FROM (
    SELECT seq FROM queue_jobs
    WHERE statusid = 4 AND active AND (:handler::text IS NULL OR handler = :handler::text) AND (:queue::text IS NULL OR COALESCE(queue, 'default') = :queue::text)
    LIMIT :most::int
) counted
