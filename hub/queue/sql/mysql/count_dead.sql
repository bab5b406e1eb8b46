-- How many dead letters there are, of a handler or a queue if one is named; the count ends at :most. Plan: qj_dead.
SELECT count(*) AS n FROM (
    SELECT seq FROM queue_jobs FORCE INDEX (qj_dead)
    WHERE dead = TRUE AND active AND (:handler IS NULL OR handler = :handler) AND (:queue IS NULL OR COALESCE(queue, 'default') = :queue)
    LIMIT :most
) counted
