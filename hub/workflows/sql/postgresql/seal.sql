-- columns: workflow_id, version, status, context, progress, signals, error, ended, definition, digest
-- The last statement of whoever changes one execution: the first error stays until it goes on. If another has changed it,
-- it divides by zero, so that the COMMIT sent in the same trip is not run. Plan: primary key.
WITH done AS (
    UPDATE workflow_executions SET status = :status::text, context = :context::text::jsonb, progress = :progress::text,
        signals = :signals::text,
        error_message = CASE WHEN :status::text IN ('failed', 'cancelled') THEN COALESCE(error_message, :error::text) END,
        completed_at = CASE WHEN NOT :ended::boolean THEN NULL ELSE COALESCE(completed_at, clock_timestamp()) END,
        started_at = COALESCE(started_at, clock_timestamp()), definition = COALESCE(:definition::text, definition),
        definition_digest = COALESCE(:digest::text, definition_digest), updated_at = clock_timestamp(),
        version = version + 1
    WHERE workflow_id = :workflow_id::text AND version = :version::bigint
    RETURNING 1
)
SELECT 1 / count(*) FROM done
