-- The ids of dead letters, the last arrived first, below the seq :cursor: what a redrive or a purge by filter goes
-- through in batches. Plan: qj_dead, backwards.
SELECT id, seq FROM queue_jobs
WHERE statusid = 4 AND active AND seq < COALESCE(:cursor::bigint, 9223372036854775807)
  AND (:handler::text IS NULL OR handler = :handler::text)
  AND (:queue::text IS NULL OR COALESCE(queue, 'default') = :queue::text)
  AND (:failure::text IS NULL OR failure = :failure::text)
  AND (:since::timestamptz IS NULL OR completedat >= :since::timestamptz)
ORDER BY seq DESC LIMIT :limit::int
