-- A page of schedules as they are shown, the newest ids first. What a filter is not asked for is NULL. Plan: primary key
-- backwards, qj_dedupe.
SELECT id, name, handler, type, cronexpression, intervalseconds, timezone, payload, enable_recovery, enabled, priority,
       maxretries, timeout, executioncount, maxexecutions, current_interval_id, interval_progress, lasterror,
       fireerror, createdon, modifiedon, rowversionstamp, metadata, LEAST(startat, CAST('9999-12-31' AS
       datetime(6))) AS startat, LEAST(nextrunat, CAST('9999-12-31' AS datetime(6))) AS nextrunat, LEAST(lastrunat,
       CAST('9999-12-31' AS datetime(6))) AS lastrunat, LEAST(interval_started_at, CAST('9999-12-31' AS
       datetime(6))) AS interval_started_at,
       CASE WHEN status = 'paused' THEN 'paused'
            WHEN current_interval_id IS NOT NULL OR fired IN (2, 5) THEN 'processing'
            WHEN status <> 'completed'
             AND (type = 'interval' OR maxexecutions > 0 OR executioncount = 0 OR nextrunat IS NOT NULL)
             AND (nextrunat IS NOT NULL OR endat IS NULL OR endat >= UTC_TIMESTAMP(6))
            THEN 'active'
            WHEN fired IN (4, 6) THEN 'failed'
            WHEN fired IN (0, 1, 7) THEN 'processing' ELSE 'completed' END AS state
FROM (SELECT j.*, (SELECT q.statusid FROM queue_jobs q FORCE INDEX (qj_dedupe)
                  WHERE q.source = CONCAT('schedule:', j.id) AND q.dedupekey IS NOT NULL
                  ORDER BY q.dedupekey DESC LIMIT 1) AS fired,
          (SELECT CASE WHEN q.statusid IN (4, 5, 6) THEN q.lasterror END FROM queue_jobs q FORCE INDEX (qj_dedupe)
           WHERE q.source = CONCAT('schedule:', j.id) AND q.dedupekey IS NOT NULL
           ORDER BY q.dedupekey DESC LIMIT 1) AS fireerror
          FROM jobs j WHERE NOT j.is_deleted
        AND (:type IS NULL OR j.type = :type)
        AND (:workspace IS NULL OR JSON_VALUE(j.metadata, '$.workspace_id') = :workspace)
        AND (NOT :incomplete OR j.current_interval_id IS NOT NULL)) shown
WHERE :status IS NULL OR CASE WHEN status = 'paused' THEN 'paused'
            WHEN current_interval_id IS NOT NULL OR fired IN (2, 5) THEN 'processing'
            WHEN status <> 'completed'
             AND (type = 'interval' OR maxexecutions > 0 OR executioncount = 0 OR nextrunat IS NOT NULL)
             AND (nextrunat IS NOT NULL OR endat IS NULL OR endat >= UTC_TIMESTAMP(6))
            THEN 'active'
            WHEN fired IN (4, 6) THEN 'failed'
            WHEN fired IN (0, 1, 7) THEN 'processing' ELSE 'completed' END = :status
ORDER BY id DESC LIMIT :limit OFFSET :skip
