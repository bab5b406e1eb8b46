-- Limits of keys that nobody has asked for during a day: they are as if they had never been. Plan: job_limits_age.
DELETE FROM job_limits WHERE modifiedon < UTC_TIMESTAMP(6) - INTERVAL 1 DAY
