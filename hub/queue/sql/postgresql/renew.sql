-- columns: id, fence, progress, progressnote
-- The heartbeat: extend the leases of jobs still held. A row that its own job's transaction has locked is left alone and
-- is still ours. Answers every job with whether it is ours and whether somebody asked for its end. Plan: primary key.
WITH v AS MATERIALIZED (
    SELECT * FROM unnest(:id::text[], :fence::bigint[], :progress::real[], :progressnote::text[])
        AS v (id, fence, progress, progressnote)
), held AS MATERIALIZED (
    SELECT j.id FROM queue_jobs j JOIN v ON j.id = ANY (ARRAY[v.id]) AND j.fence = v.fence
    WHERE j.statusid = 2 FOR UPDATE OF j SKIP LOCKED
), renewed AS (
    UPDATE queue_jobs j SET leaseuntil = clock_timestamp() + make_interval(secs => :lease::float8),
        progress = COALESCE(v.progress, j.progress), progressnote = COALESCE(v.progressnote, j.progressnote)
    FROM v JOIN held h ON h.id = v.id WHERE j.id = ANY (ARRAY[v.id])
)
SELECT v.id, COALESCE(j.fence = v.fence AND j.statusid = 2, FALSE) AS mine, COALESCE(j.cancelrequested, FALSE) AS cancelrequested
FROM v LEFT JOIN queue_jobs j ON j.id = ANY (ARRAY[v.id])
