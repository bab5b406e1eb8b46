-- A page of schedules as they are shown, the newest ids first. What a filter is not asked for is NULL. Plan: primary key
-- backwards, qj_dedupe.
SELECT id, name, handler, type, cronexpression, intervalseconds, timezone, payload, enable_recovery, enabled, priority,
       maxretries, timeout, executioncount, maxexecutions, current_interval_id, interval_progress, lasterror,
       fireerror, createdon, modifiedon, rowversionstamp, metadata::text AS metadata, hub_reachable(startat) AS
       startat, hub_reachable(nextrunat) AS nextrunat, hub_reachable(lastrunat) AS lastrunat,
       hub_reachable(interval_started_at) AS interval_started_at,
       CASE WHEN status = 'paused' THEN 'paused'
            WHEN current_interval_id IS NOT NULL OR fired IN (2, 5) THEN 'processing'
            WHEN status <> 'completed'
             AND (type = 'interval' OR maxexecutions > 0 OR executioncount = 0 OR nextrunat IS NOT NULL)
             AND (nextrunat IS NOT NULL OR endat IS NULL OR endat >= clock_timestamp())
            THEN 'active'
            WHEN fired IN (4, 6) THEN 'failed'
            WHEN fired IN (0, 1, 7) THEN 'processing' ELSE 'completed' END AS state
FROM (SELECT j.*, (SELECT q.statusid FROM queue_jobs q
                  WHERE q.source = 'schedule:' || j.id AND q.dedupekey IS NOT NULL
                  ORDER BY q.dedupekey DESC LIMIT 1) AS fired,
          (SELECT CASE WHEN q.statusid IN (4, 5, 6) THEN q.lasterror END FROM queue_jobs q
           WHERE q.source = 'schedule:' || j.id AND q.dedupekey IS NOT NULL
           ORDER BY q.dedupekey DESC LIMIT 1) AS fireerror
          FROM jobs j WHERE NOT j.is_deleted
        AND (:type::text IS NULL OR j.type = :type::text)
        AND (:workspace::text IS NULL OR j.metadata ->> 'workspace_id' = :workspace::text)
        AND (NOT :incomplete::boolean OR j.current_interval_id IS NOT NULL)) shown
WHERE :status::text IS NULL OR CASE WHEN status = 'paused' THEN 'paused'
            WHEN current_interval_id IS NOT NULL OR fired IN (2, 5) THEN 'processing'
            WHEN status <> 'completed'
             AND (type = 'interval' OR maxexecutions > 0 OR executioncount = 0 OR nextrunat IS NOT NULL)
             AND (nextrunat IS NOT NULL OR endat IS NULL OR endat >= clock_timestamp())
            THEN 'active'
            WHEN fired IN (4, 6) THEN 'failed'
            WHEN fired IN (0, 1, 7) THEN 'processing' ELSE 'completed' END = :status::text
ORDER BY id DESC LIMIT :limit::int OFFSET :skip::int
