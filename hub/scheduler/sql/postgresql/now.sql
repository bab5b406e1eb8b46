-- The time, by the clock that all instances share.
SELECT clock_timestamp() AS now
