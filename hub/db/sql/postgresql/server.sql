-- What `hub check --connect` tells of the server: its version, and how many connections it takes from such as us.
SELECT current_setting('server_version') AS version,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS connections
