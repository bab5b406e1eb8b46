-- Limits of keys that nobody has asked for during a day: they are as if they had never been. Plan: job_limits_age.
DELETE FROM job_limits WHERE modifiedon < (SELECT clock_timestamp() - interval '1 day')
