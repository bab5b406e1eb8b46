-- columns: name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
--   maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter, description
-- Write the configured schedules, where they differ from their rows; rows of others are left alone. Answers the rows of
-- all these names, with their owner. Plan: jobs_name_key.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest(
        :name::text[], :handler::text[], :cronexpression::text[], :intervalseconds::int[], :startat::timestamptz[],
        :endat::timestamptz[], :maxexecutions::int[], :enabled::boolean[], :condition::text[], :priority::int[],
        :maxretries::int[], :timeout::float8[], :metadata::text[], :enable_recovery::boolean[], :payload::text[],
        :queue::text[], :timezone::text[], :misfire::text[], :overlap::text[], :jitter::float8[], :description::text[])
        AS v (
        name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
        maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter,
        description)
), written AS (
    INSERT INTO jobs (
        name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
        maxretries, timeout, metadata, enable_recovery, payload, queue, timezone, misfire, overlap, jitter,
        description, owner, createdby)
    SELECT
        name, handler, cronexpression, intervalseconds, startat, endat, maxexecutions, enabled, condition, priority,
        maxretries, timeout, metadata::jsonb, enable_recovery, payload, queue, timezone, misfire, overlap, jitter,
        description,
        'config', 'config'
    FROM batch ORDER BY name
    ON CONFLICT (name) DO UPDATE SET is_deleted = FALSE, active = TRUE, modifiedby = 'config',
        modifiedon = clock_timestamp(), rowversionstamp = jobs.rowversionstamp + 1,
        handler = EXCLUDED.handler, cronexpression = EXCLUDED.cronexpression, intervalseconds =
        EXCLUDED.intervalseconds, startat = EXCLUDED.startat, endat = EXCLUDED.endat, maxexecutions =
        EXCLUDED.maxexecutions, enabled = EXCLUDED.enabled, condition = EXCLUDED.condition, priority =
        EXCLUDED.priority, maxretries = EXCLUDED.maxretries, timeout = EXCLUDED.timeout, metadata = EXCLUDED.metadata,
        enable_recovery = EXCLUDED.enable_recovery, payload = EXCLUDED.payload, queue = EXCLUDED.queue, timezone =
        EXCLUDED.timezone, misfire = EXCLUDED.misfire, overlap = EXCLUDED.overlap, jitter = EXCLUDED.jitter,
        description = EXCLUDED.description
    WHERE jobs.owner = 'config' AND (jobs.is_deleted, jobs.active,
        jobs.handler, jobs.cronexpression, jobs.intervalseconds, jobs.startat, jobs.endat, jobs.maxexecutions,
        jobs.enabled, jobs.condition, jobs.priority, jobs.maxretries, jobs.timeout, jobs.metadata,
        jobs.enable_recovery, jobs.payload, jobs.queue, jobs.timezone, jobs.misfire, jobs.overlap, jobs.jitter,
        jobs.description)
      IS DISTINCT FROM (FALSE, TRUE,
        EXCLUDED.handler, EXCLUDED.cronexpression, EXCLUDED.intervalseconds, EXCLUDED.startat, EXCLUDED.endat,
        EXCLUDED.maxexecutions, EXCLUDED.enabled, EXCLUDED.condition, EXCLUDED.priority, EXCLUDED.maxretries,
        EXCLUDED.timeout, EXCLUDED.metadata, EXCLUDED.enable_recovery, EXCLUDED.payload, EXCLUDED.queue,
        EXCLUDED.timezone, EXCLUDED.misfire, EXCLUDED.overlap, EXCLUDED.jitter, EXCLUDED.description)
    RETURNING name, owner
)
SELECT name, owner FROM written
UNION
SELECT j.name, j.owner FROM jobs j WHERE j.name = ANY (:name::text[]) AND j.owner IS DISTINCT FROM 'config'
