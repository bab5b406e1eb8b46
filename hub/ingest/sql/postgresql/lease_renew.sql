-- Extend a lease that is still held under this fence; no row if it is not. Plan: the primary key.
UPDATE adapter_leases SET leaseuntil = clock_timestamp() + make_interval(secs => :lease::float8)
WHERE adapter = :adapter::text AND owner = :owner::text AND fence = :fence::bigint
RETURNING fence
