-- columns: id, revision, was, following, lasterror, fireid, firetime, source, dedupekey, scheduledat, orderingkey
-- Make the rows of `queue_jobs` and move each schedule on, if it still stands where it stood when it was read (`was`) with
-- the same definition; else nothing happens to it. One row of the batch a fire (fireid NULL: only move on), the
-- schedule's own values repeated. With overlap 'skip' a fire gives way to an unfinished one, which is the last by key.
-- Answers the schedules that moved, with their executions, and rows that only wake workers. Plan: primary keys, qj_dedupe.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest(:id::text[], :revision::bigint[], :was::timestamptz[], :following::timestamptz[],
        :lasterror::text[], :fireid::text[], :firetime::timestamptz[], :source::text[], :dedupekey::text[],
        :scheduledat::timestamptz[], :orderingkey::text[])
        AS v (id, revision, was, following, lasterror, fireid, firetime, source, dedupekey, scheduledat, orderingkey)
), schedules AS MATERIALIZED (
    SELECT DISTINCT id, revision, was, following, lasterror, source FROM batch
), due AS MATERIALIZED (
    SELECT j.id, j.handler, j.payload, j.queue, j.priority, j.maxretries, j.timeout, j.metadata, s.following, s.lasterror,
           CASE WHEN j.overlap = 'skip' THEN (SELECT q.statusid NOT IN (3, 4, 6) FROM queue_jobs q
                WHERE q.source = s.source AND q.dedupekey IS NOT NULL ORDER BY q.dedupekey DESC LIMIT 1) END AS busy
    FROM schedules s JOIN jobs j ON j.id = ANY (ARRAY[s.id]) JOIN job_plans p ON p.jobid = ANY (ARRAY[s.id])
    WHERE hub_reachable(j.nextrunat) = s.was AND p.revision = s.revision AND p.planned = p.revision
    FOR UPDATE OF j, p SKIP LOCKED
), fresh AS (
    INSERT INTO queue_jobs (id, typeid, handler, payload, queue, priority, maxretries, timeout, metadata, source, dedupekey,
        scheduledat, statusid, orderingkey, createdby)
    SELECT b.fireid, 1, d.handler, d.payload, d.queue, d.priority, d.maxretries, d.timeout,
           CASE WHEN jsonb_typeof(d.metadata) = 'object' THEN d.metadata ELSE '{}' END
               || jsonb_build_object('scheduled_job_id', d.id, 'scheduled_for', b.dedupekey),
           b.source, b.dedupekey, b.scheduledat, CASE WHEN b.scheduledat IS NULL THEN 0 ELSE 7 END, b.orderingkey,
           'scheduler'
    FROM batch b JOIN due d ON d.id = b.id WHERE b.fireid IS NOT NULL AND d.busy IS NOT TRUE ORDER BY b.firetime
    ON CONFLICT (source, dedupekey) WHERE dedupekey IS NOT NULL DO NOTHING
    RETURNING id, queue
), steps AS (
    -- in one pass: a join of `due` with what was made of it would look through all of that for each row
    SELECT id, count(fireid)::int AS n, max(firetime) AS last, max(following) AS following, max(lasterror) AS lasterror
    FROM (SELECT id, NULL AS fireid, NULL::timestamptz AS firetime, following, lasterror FROM due
          UNION ALL
          SELECT b.id, b.fireid, b.firetime, NULL, NULL FROM batch b JOIN fresh f ON f.id = b.fireid) each
    GROUP BY id
), moved AS (
    UPDATE jobs j SET lasterror = s.lasterror, executioncount = j.executioncount + s.n,
        lastrunat = COALESCE(s.last, j.lastrunat),
        nextrunat = CASE WHEN j.maxexecutions > 0 AND j.executioncount + s.n >= j.maxexecutions THEN NULL
                         ELSE s.following END
    FROM steps s WHERE j.id = ANY (ARRAY[s.id])
    RETURNING j.id, j.executioncount
)
SELECT id, executioncount, NULL AS notified FROM moved
UNION ALL
SELECT NULL, NULL, pg_notify('hub_jobs', q)::text FROM (SELECT DISTINCT COALESCE(queue, '') AS q FROM fresh) woken
