-- Give a lease up, if it is still held under this fence; the fence stays, as it must never be given twice.
UPDATE adapter_leases SET leaseuntil = clock_timestamp()
WHERE adapter = :adapter::text AND owner = :owner::text AND fence = :fence::bigint
