-- Advance an adapter's cursor past a delivery, if it is not ahead of its beginning already: answers no row then, and
-- nothing of the delivery may be inserted, as another instance has been further. Plan: the primary key.
INSERT INTO adapter_cursors (adapter, stream, next) VALUES (:adapter, :stream, :next)
ON CONFLICT (adapter, stream) DO UPDATE SET next = excluded.next, updatedat = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE adapter_cursors.next <= :first
RETURNING next
