-- columns: source, dedupekey
-- The rows that hold these dedupe keys. A statement of its own, after the insert: only then does it see a row that
-- another transaction committed meanwhile. LATERAL, as a plain join is planned as a scan on an empty table's statistics.
SELECT v.source, v.dedupekey, j.id FROM unnest(:source::text[], :dedupekey::text[]) AS v (source, dedupekey)
CROSS JOIN LATERAL (
    SELECT id FROM queue_jobs q WHERE q.source = v.source AND q.dedupekey = v.dedupekey AND q.dedupekey IS NOT NULL LIMIT 1
) j
