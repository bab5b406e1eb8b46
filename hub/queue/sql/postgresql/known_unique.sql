-- columns: handler, uniquekey
-- The live rows that hold these unique keys; see known.sql. Plan: qj_unique.
SELECT v.handler, v.uniquekey, j.id FROM unnest(:handler::text[], :uniquekey::text[]) AS v (handler, uniquekey)
CROSS JOIN LATERAL (
    SELECT id FROM queue_jobs q
    WHERE q.handler = v.handler AND q.uniquekey = v.uniquekey AND q.uniquekey IS NOT NULL
      AND q.statusid IN (0, 1, 2, 5, 7) LIMIT 1
) j
