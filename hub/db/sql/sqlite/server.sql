-- What `hub check --connect` tells of the library; a file takes any number of connections.
SELECT sqlite_version() AS version, NULL AS connections
