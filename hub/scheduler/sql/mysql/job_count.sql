-- How many schedules a filter has; what became of their fires is only asked where :status is. Plan: jobs, qj_dedupe.
SELECT count(*) AS total
FROM (SELECT j.status, j.current_interval_id, j.type, j.maxexecutions, j.executioncount, j.nextrunat, j.endat,
          CASE WHEN :status IS NOT NULL THEN
          (SELECT q.statusid FROM queue_jobs q FORCE INDEX (qj_dedupe) WHERE q.source = CONCAT('schedule:', j.id) AND q.dedupekey IS NOT NULL
           ORDER BY q.dedupekey DESC LIMIT 1) END AS fired
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
