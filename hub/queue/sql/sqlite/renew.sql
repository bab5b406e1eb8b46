-- columns: id, fence, progress, progressnote
-- The heartbeat: what the handlers said of their progress, and the leases for those who look. Answers every job with
-- whether it is ours and whether somebody asked for its end. Plan: the unique index on id.
UPDATE queue_jobs SET leaseuntil = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', :lease || ' seconds'),
    progress = COALESCE(v.progress, queue_jobs.progress),
    progressnote = COALESCE(v.progressnote, queue_jobs.progressnote)
FROM (
    SELECT value ->> 0 AS id, value ->> 1 AS fence, value ->> 2 AS progress, value ->> 3 AS progressnote
    FROM json_each(:rows)
) v
WHERE queue_jobs.id = v.id AND queue_jobs.fence = v.fence AND statusid = 2
----
SELECT v.value ->> 0 AS id, COALESCE(j.fence = v.value ->> 1 AND j.statusid = 2, FALSE) AS mine,
       COALESCE(j.cancelrequested, FALSE) AS cancelrequested
FROM json_each(:rows) v LEFT JOIN queue_jobs j ON j.id = v.value ->> 0
