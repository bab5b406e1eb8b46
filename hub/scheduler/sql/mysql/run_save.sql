-- Write how far a run is, if the row still says what it said when it was read (:was); answers its id then.
-- `interval` is NULL once the run has ended; `told` is what the last run has left in lasterror. Plan: primary key.
SELECT id FROM jobs WHERE id = :id AND NOT is_deleted AND interval_progress <=> :was FOR UPDATE
----
UPDATE jobs SET current_interval_id = :interval, interval_progress = :progress, interval_started_at = :started,
    lasterror = COALESCE(:lasterror, NULLIF(lasterror, :told))
WHERE id IN :found
----
SELECT id FROM jobs WHERE id IN :found
