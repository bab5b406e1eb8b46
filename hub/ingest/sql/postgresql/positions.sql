-- columns: stream
-- Where an adapter goes on in these streams; those that it never read from are left out. Plan: the primary key.
SELECT stream, next FROM adapter_cursors WHERE adapter = :adapter::text AND stream = ANY(:stream::text[])
