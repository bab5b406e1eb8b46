-- Extend a lease that is still held under this fence; no row if it is not. Plan: the primary key.
SELECT fence FROM adapter_leases WHERE adapter = :adapter AND owner = :owner AND fence = :fence FOR UPDATE
----
UPDATE adapter_leases SET leaseuntil = UTC_TIMESTAMP(6) + INTERVAL CAST(:lease * 1000000 AS SIGNED) MICROSECOND
WHERE adapter = :adapter
