-- Change a schedule, if nobody else has since it was read (:version); answers its id then. Plan: primary key.
UPDATE jobs SET name = :name, handler = :handler, cronexpression = :cronexpression, intervalseconds = :intervalseconds, startat =
    :startat, maxexecutions = :maxexecutions, enabled = :enabled, priority = :priority, maxretries = :maxretries,
    timeout = :timeout, metadata = :metadata, enable_recovery = :enable_recovery, payload = :payload, timezone =
    :timezone, modifiedby = :actor, modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), rowversionstamp =
    rowversionstamp + 1
WHERE id = :id AND rowversionstamp = :version AND NOT is_deleted
RETURNING id
