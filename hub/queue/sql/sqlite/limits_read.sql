-- columns: name
-- What is taken of each limit, and what time it is (seconds). Plan: primary key.
SELECT v.value ->> 0 AS name, COALESCE(l.version, 0) AS version, l.state,
    (julianday('now') - 2440587.5) * 86400.0 AS now
FROM json_each(:rows) v LEFT JOIN job_limits l ON l.name = v.value ->> 0
