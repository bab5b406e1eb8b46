-- A page of the runs that have not ended, by the schedules' ids behind :after; those of paused schedules wait, and those
-- that are not to be recovered are left out. Plan: jobs_open_runs.
SELECT id, current_interval_id FROM jobs
WHERE current_interval_id IS NOT NULL AND id > :after AND enabled AND NOT is_deleted AND enable_recovery
ORDER BY id LIMIT :limit
