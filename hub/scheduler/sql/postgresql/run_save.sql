-- Write how far a run is, if the row still says what it said when it was read (:was); answers its id then.
-- `interval` is NULL once the run has ended; `told` is what the last run has left in lasterror. Plan: primary key.
UPDATE jobs SET current_interval_id = :interval::text, interval_progress = :progress::text,
    interval_started_at = :started::timestamptz, lasterror = COALESCE(:lasterror::text, NULLIF(lasterror, :told::text))
WHERE id = :id::text AND NOT is_deleted AND interval_progress IS NOT DISTINCT FROM :was::text
RETURNING id
