-- One schedule as it is shown, with what became of its last fire. Plan: primary key, qj_dedupe.
SELECT id, name, handler, type, cronexpression, intervalseconds, timezone, payload, enable_recovery, enabled, priority,
       maxretries, timeout, executioncount, maxexecutions, current_interval_id, interval_progress, lasterror,
       fireerror, createdon, modifiedon, rowversionstamp, metadata, startat, nextrunat, lastrunat,
       interval_started_at,
       CASE WHEN status = 'paused' THEN 'paused'
            WHEN current_interval_id IS NOT NULL OR fired IN (2, 5) THEN 'processing'
            WHEN status <> 'completed'
             AND (type = 'interval' OR maxexecutions > 0 OR executioncount = 0 OR nextrunat IS NOT NULL)
             AND (nextrunat IS NOT NULL OR COALESCE(datetime(endat) >= datetime('now'), TRUE))
            THEN 'active'
            WHEN fired IN (4, 6) THEN 'failed'
            WHEN fired IN (0, 1, 7) THEN 'processing' ELSE 'completed' END AS state
FROM (SELECT j.*, (SELECT q.statusid FROM queue_jobs q
                  WHERE q.source = 'schedule:' || j.id AND q.dedupekey IS NOT NULL
                  ORDER BY q.dedupekey DESC LIMIT 1) AS fired,
          (SELECT CASE WHEN q.statusid IN (4, 5, 6) THEN q.lasterror END FROM queue_jobs q
           WHERE q.source = 'schedule:' || j.id AND q.dedupekey IS NOT NULL
           ORDER BY q.dedupekey DESC LIMIT 1) AS fireerror
          FROM jobs j WHERE j.id = :id AND NOT j.is_deleted) shown
