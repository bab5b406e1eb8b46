-- Wake the workers of these queues on every instance, for rows that were inserted in a job's own transaction.
SELECT pg_notify('hub_jobs', q) FROM unnest(:queue::text[]) AS v (q)
