-- Advance an adapter's cursor past a delivery, if it is not ahead of its beginning already: answers no row then, and
-- nothing of the delivery may be inserted, as another instance has been further. Plan: the primary key.
INSERT INTO adapter_cursors AS known (adapter, stream, next) VALUES (:adapter::text, :stream::text, :next::bigint)
ON CONFLICT (adapter, stream) DO UPDATE SET next = EXCLUDED.next, updatedat = clock_timestamp()
WHERE known.next <= :first::bigint
RETURNING next
