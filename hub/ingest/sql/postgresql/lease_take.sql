-- Take an adapter's lease, if nobody holds it: its new fence, no row while somebody else does. Plan: the primary key.
INSERT INTO adapter_leases AS held (adapter, owner, fence, leaseuntil)
VALUES (:adapter::text, :owner::text, 1, clock_timestamp() + make_interval(secs => :lease::float8))
ON CONFLICT (adapter) DO UPDATE SET owner = EXCLUDED.owner, fence = held.fence + 1, leaseuntil = EXCLUDED.leaseuntil
WHERE held.leaseuntil <= clock_timestamp() OR held.owner = EXCLUDED.owner
RETURNING fence
