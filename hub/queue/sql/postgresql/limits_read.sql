-- columns: name
-- What is taken of each limit, and what time it is (seconds). Plan: primary key.
SELECT v.name, COALESCE(l.version, 0), l.state, EXTRACT(EPOCH FROM clock_timestamp())::float8
FROM unnest(:name::text[]) AS v (name) LEFT JOIN job_limits l ON l.name = v.name
