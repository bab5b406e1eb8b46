-- Advance an adapter's cursor past a delivery, if it is not ahead of its beginning already: answers no row then, and
-- nothing of the delivery may be inserted, as another instance has been further. Plan: the primary key.
INSERT INTO adapter_cursors (adapter, stream, next, updatedat) VALUES (:adapter, :stream, :first, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE next = adapter_cursors.next
----
SELECT next FROM adapter_cursors WHERE adapter = :adapter AND stream = :stream AND next <= :first FOR UPDATE
----
UPDATE adapter_cursors SET next = :next, updatedat = UTC_TIMESTAMP(6) WHERE adapter = :adapter AND stream = :stream
