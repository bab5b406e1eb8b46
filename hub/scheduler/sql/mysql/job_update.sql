-- Change a schedule, if nobody else has since it was read (:version); answers its id then. Plan: primary key.
SELECT id FROM jobs WHERE id = :id AND rowversionstamp = :version AND NOT is_deleted FOR UPDATE
----
UPDATE jobs SET name = :name, handler = :handler, cronexpression = :cronexpression, intervalseconds = :intervalseconds, startat =
    :startat, maxexecutions = :maxexecutions, enabled = :enabled, priority = :priority, maxretries = :maxretries,
    timeout = :timeout, metadata = :metadata, enable_recovery = :enable_recovery, payload = :payload, timezone =
    :timezone, modifiedby = :actor, modifiedon = UTC_TIMESTAMP(6), rowversionstamp = rowversionstamp + 1
WHERE id IN :found
----
SELECT id FROM jobs WHERE id IN :found
