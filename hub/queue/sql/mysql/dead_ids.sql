-- The ids of dead letters, the last arrived first, below the seq :cursor: what a redrive or a purge by filter goes
-- through in batches. Plan: qj_dead, backwards.
SELECT id, seq FROM queue_jobs FORCE INDEX (qj_dead)
WHERE dead = TRUE AND active AND seq < COALESCE(:cursor, 9223372036854775807)
  AND (:handler IS NULL OR handler = :handler)
  AND (:queue IS NULL OR COALESCE(queue, 'default') = :queue)
  AND (:failure IS NULL OR failure = :failure)
  AND (:since IS NULL OR completedat >= :since)
ORDER BY seq DESC LIMIT :limit
