-- columns: name, version, state
-- Write what was decided, unless somebody has written since it was read. Answers the names that were written. The rows
-- come in the order of their names, so that two writers wait for each other and never in a circle. Plan: primary key.
INSERT INTO job_limits AS l (name, version, state)
SELECT name, version + 1, state FROM unnest(:name::text[], :version::bigint[], :state::text[]) AS v (name, version, state)
ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version, state = EXCLUDED.state, modifiedon = clock_timestamp()
WHERE l.version = EXCLUDED.version - 1
RETURNING name
