-- Extend a lease that is still held under this fence; no row if it is not. Plan: the primary key.
UPDATE adapter_leases SET leaseuntil = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', :lease || ' seconds')
WHERE adapter = :adapter AND owner = :owner AND fence = :fence
RETURNING fence
