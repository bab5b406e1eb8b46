-- columns: source, dedupekey
-- The rows that hold these dedupe keys. Plan: qj_dedupe.
SELECT v.value ->> 0 AS source, v.value ->> 1 AS dedupekey, j.id FROM json_each(:rows) v CROSS JOIN queue_jobs j
WHERE j.source = v.value ->> 0 AND j.dedupekey = v.value ->> 1 AND j.dedupekey IS NOT NULL
