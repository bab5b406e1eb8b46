-- Make a schedule; the trigger tells the schedulers. A name that is taken is the key's own error. Plan: unique indexes.
INSERT INTO jobs (id, name, handler, cronexpression, intervalseconds, startat, maxexecutions, enabled, priority, maxretries, timeout,
    metadata, enable_recovery, payload, timezone, createdby)
VALUES (:id::text, :name::text, :handler::text, :cronexpression::text, :intervalseconds::int, :startat::timestamptz,
    :maxexecutions::int, :enabled::boolean, :priority::int, :maxretries::int, :timeout::float8,
    :metadata::text::jsonb, :enable_recovery::boolean, :payload::text, :timezone::text, :actor::text)
