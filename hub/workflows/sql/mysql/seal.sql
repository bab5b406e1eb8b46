-- columns: workflow_id, version, status, context, progress, signals, error, ended, definition, digest
-- The last statement of whoever changes one execution: the first error stays until it goes on. The COMMIT is run only if it
-- changed its row. Plan: primary key.
UPDATE workflow_executions SET status = :status, context = :context, progress = :progress, signals = :signals,
    error_message = IF(:status IN ('failed', 'cancelled'), COALESCE(error_message, :error), NULL),
    completed_at = IF(NOT :ended, NULL, COALESCE(completed_at, UTC_TIMESTAMP(6))),
    started_at = COALESCE(started_at, UTC_TIMESTAMP(6)), definition = COALESCE(:definition, definition),
    definition_digest = COALESCE(:digest, definition_digest), updated_at = UTC_TIMESTAMP(6), version = version + 1
WHERE workflow_id = :workflow_id AND version = :version
