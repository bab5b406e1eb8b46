-- Give a lease up, if it is still held under this fence; the fence stays, as it must never be given twice.
UPDATE adapter_leases SET leaseuntil = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE adapter = :adapter AND owner = :owner AND fence = :fence
