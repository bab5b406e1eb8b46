-- columns: name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
--   maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter, description
-- Write the configured schedules, where they differ from their rows; rows of others are left alone. Answers the rows of
-- all these names, with their owner. Plan: the unique index on name.
INSERT INTO jobs (
    name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
    maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter, description, owner, createdby)
SELECT
    value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->>
    8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16,
    value ->> 17, value ->> 18, value ->> 19, value ->> 20,
    'config', 'config'
FROM json_each(:rows) WHERE TRUE
ON CONFLICT (name) DO UPDATE SET is_deleted = FALSE, active = TRUE, modifiedby = 'config',
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp = jobs.rowversionstamp + 1,
    handler = excluded.handler, cronexpression = excluded.cronexpression, intervalseconds = excluded.intervalseconds,
    startat = excluded.startat, endat = excluded.endat, maxexecutions = excluded.maxexecutions, enabled =
    excluded.enabled, condition = excluded.condition, priority = excluded.priority, maxretries = excluded.maxretries,
    timeout = excluded.timeout, metadata = excluded.metadata, enable_recovery = excluded.enable_recovery, payload =
    excluded.payload, queue = excluded.queue, timezone = excluded.timezone, misfire = excluded.misfire, overlap =
    excluded.overlap, jitter = excluded.jitter, description = excluded.description
WHERE jobs.owner = 'config' AND (jobs.is_deleted, jobs.active,
    jobs.handler, jobs.cronexpression, jobs.intervalseconds, jobs.startat, jobs.endat, jobs.maxexecutions,
    jobs.enabled, jobs.condition, jobs.priority, jobs.maxretries, jobs.timeout, jobs.metadata, jobs.enable_recovery,
    jobs.payload, jobs.queue, jobs.timezone, jobs.misfire, jobs.overlap, jobs.jitter, jobs.description)
  IS NOT (FALSE, TRUE,
    excluded.handler, excluded.cronexpression, excluded.intervalseconds, excluded.startat, excluded.endat,
    excluded.maxexecutions, excluded.enabled, excluded.condition, excluded.priority, excluded.maxretries,
    excluded.timeout, excluded.metadata, excluded.enable_recovery, excluded.payload, excluded.queue,
    excluded.timezone, excluded.misfire, excluded.overlap, excluded.jitter, excluded.description)
----
SELECT name, owner FROM jobs WHERE name IN (SELECT value ->> 0 FROM json_each(:rows))
