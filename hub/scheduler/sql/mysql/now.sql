-- The time, by the clock that all instances share.
SELECT UTC_TIMESTAMP(6) AS now
