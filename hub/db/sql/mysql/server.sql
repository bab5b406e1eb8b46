-- What `hub check --connect` tells of the server: its version, and how many connections it takes.
SELECT VERSION() AS version, @@max_connections AS connections
