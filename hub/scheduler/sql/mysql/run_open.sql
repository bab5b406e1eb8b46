-- A page of the runs that have not ended, by the schedules' ids behind :after; those of paused schedules wait, and those
-- that are not to be recovered are left out. Plan: idx_jobs_incomplete_intervals, a range for each type and status.
SELECT id, current_interval_id FROM jobs FORCE INDEX (idx_jobs_incomplete_intervals)
WHERE type IN ('interval', 'scheduled') AND status IN ('active', 'completed') AND is_deleted = FALSE
  AND current_interval_id IS NOT NULL AND id > :after AND enable_recovery
ORDER BY id LIMIT :limit
