-- Make a schedule. A name that is taken is the key's own error. Plan: unique indexes.
INSERT INTO jobs (id, name, handler, cronexpression, intervalseconds, startat, maxexecutions, enabled, priority, maxretries, timeout,
    metadata, enable_recovery, payload, timezone, createdby)
VALUES (:id, :name, :handler, :cronexpression, :intervalseconds, :startat, :maxexecutions, :enabled, :priority, :maxretries,
    :timeout, :metadata, :enable_recovery, :payload, :timezone, :actor)
