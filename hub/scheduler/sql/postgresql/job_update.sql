-- Change a schedule, if nobody else has since it was read (:version); answers its id then. Plan: primary key.
UPDATE jobs SET name = :name::text, handler = :handler::text, cronexpression = :cronexpression::text, intervalseconds =
    :intervalseconds::int, startat = :startat::timestamptz, maxexecutions = :maxexecutions::int, enabled =
    :enabled::boolean, priority = :priority::int, maxretries = :maxretries::int, timeout = :timeout::float8,
    metadata = :metadata::text::jsonb, enable_recovery = :enable_recovery::boolean, payload = :payload::text,
    timezone = :timezone::text, modifiedby = :actor::text, modifiedon = clock_timestamp(), rowversionstamp =
    rowversionstamp + 1
WHERE id = :id::text AND rowversionstamp = :version::int AND NOT is_deleted
RETURNING id
