-- Take an adapter's lease, if nobody holds it: its new fence, no row while somebody else does. Plan: the primary key.
INSERT INTO adapter_leases (adapter, owner, fence, leaseuntil) VALUES (:adapter, :owner, 0, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE fence = adapter_leases.fence
----
SELECT fence + 1 AS fence FROM adapter_leases
WHERE adapter = :adapter AND (leaseuntil <= UTC_TIMESTAMP(6) OR owner = :owner) FOR UPDATE
----
UPDATE adapter_leases SET owner = :owner, fence = fence + 1,
    leaseuntil = UTC_TIMESTAMP(6) + INTERVAL CAST(:lease * 1000000 AS SIGNED) MICROSECOND
WHERE adapter = :adapter
