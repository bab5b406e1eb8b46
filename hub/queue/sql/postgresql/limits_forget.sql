-- Limits of keys that nobody has asked for during a day: they are as if they had never been. Plan: all rows.
DELETE FROM job_limits WHERE modifiedon < clock_timestamp() - interval '1 day'
