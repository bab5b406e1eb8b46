-- The run of one schedule, held until the end of the transaction: who comes next sees what this one writes.
-- Plan: primary key.
SELECT id, current_interval_id, interval_progress, enable_recovery, overlap, maxretries
FROM jobs WHERE id = :id::text AND NOT is_deleted FOR UPDATE
