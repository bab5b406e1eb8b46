-- The run of one schedule. Whoever asks holds the write turn: nobody changes it before it ends. Plan: primary key.
SELECT id, current_interval_id, interval_progress, enable_recovery, overlap, maxretries
FROM jobs WHERE id = :id AND NOT is_deleted
