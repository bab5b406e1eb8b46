-- Write how far a run is, if the row still says what it said when it was read (:was); answers its id then.
-- `interval` is NULL once the run has ended. Plan: primary key.
SELECT id FROM jobs WHERE id = :id AND NOT is_deleted AND interval_progress <=> :was FOR UPDATE
----
UPDATE jobs SET current_interval_id = :interval, interval_progress = :progress, interval_started_at = :started,
    lasterror = COALESCE(:lasterror, lasterror)
WHERE id IN :found
----
SELECT id FROM jobs WHERE id IN :found
