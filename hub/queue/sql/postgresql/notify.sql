-- Tell every instance that these queues have rows, which were inserted without a word.
SELECT pg_notify(:channel::text, q) FROM unnest(:queue::text[]) AS v (q)
