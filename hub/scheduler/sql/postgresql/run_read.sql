-- The run of one schedule as it stands. Plan: primary key.
SELECT id, current_interval_id, interval_progress, enable_recovery, overlap, maxretries
FROM jobs WHERE id = :id::text AND NOT is_deleted
