-- Give a lease up, if it is still held under this fence; the fence stays, as it must never be given twice.
UPDATE adapter_leases SET leaseuntil = UTC_TIMESTAMP(6)
WHERE adapter = :adapter AND owner = :owner AND fence = :fence
