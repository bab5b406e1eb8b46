-- columns: name
-- What is taken of each limit, and what time it is (seconds). LATERAL, as a plain join is planned as a scan on an empty
-- table's statistics. Plan: primary key.
SELECT v.name, COALESCE(l.version, 0), l.state, EXTRACT(EPOCH FROM clock_timestamp())::float8
FROM unnest(:name::text[]) AS v (name)
LEFT JOIN LATERAL (SELECT version, state FROM job_limits k WHERE k.name = v.name LIMIT 1) l ON TRUE
