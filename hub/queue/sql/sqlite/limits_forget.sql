-- Limits of keys that nobody has asked for during a day: they are as if they had never been. Plan: job_limits_age.
DELETE FROM job_limits WHERE modifiedon < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day')
