-- Take an adapter's lease, if nobody holds it: its new fence, no row while somebody else does. Plan: the primary key.
INSERT INTO adapter_leases (adapter, owner, fence, leaseuntil)
VALUES (:adapter, :owner, 1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', :lease || ' seconds'))
ON CONFLICT (adapter) DO UPDATE SET owner = excluded.owner, fence = adapter_leases.fence + 1,
    leaseuntil = excluded.leaseuntil
WHERE adapter_leases.leaseuntil <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now') OR adapter_leases.owner = excluded.owner
RETURNING fence
