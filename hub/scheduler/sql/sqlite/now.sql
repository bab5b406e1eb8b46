-- The time, by the clock that leases and due times go by.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now') AS now
