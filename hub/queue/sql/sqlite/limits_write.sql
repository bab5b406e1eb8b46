-- columns: name, version, state
-- Write what was decided, unless somebody has written since it was read. Answers the names that were written.
-- Plan: primary key.
INSERT INTO job_limits AS l (name, version, state)
SELECT v.value ->> 0, (v.value ->> 1) + 1, v.value ->> 2 FROM json_each(:rows) v WHERE TRUE
ON CONFLICT (name) DO UPDATE SET version = excluded.version, state = excluded.state,
    modifiedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE l.version = excluded.version - 1
RETURNING name
