-- columns: handler, uniquekey
-- The live rows that hold these unique keys. Plan: qj_unique.
SELECT v.value ->> 0 AS handler, v.value ->> 1 AS uniquekey, j.id FROM json_each(:rows) v CROSS JOIN queue_jobs j
WHERE j.handler = v.value ->> 0 AND j.uniquekey = v.value ->> 1 AND j.uniquekey IS NOT NULL
  AND j.statusid IN (0, 1, 2, 5, 7)
