-- The queues that have something to run ('' = rows that name none): one index probe a queue. Plan: qj_claim, loosely.
SELECT openqueue AS queue FROM queue_jobs FORCE INDEX (qj_claim) WHERE openqueue >= '' GROUP BY openqueue
