-- Let everything that waits for its time be due now: a test does not wait for a retry. Plan: qj_due.
SELECT id FROM queue_jobs FORCE INDEX (qj_due) WHERE dueat > UTC_TIMESTAMP(6) FOR UPDATE
----
UPDATE queue_jobs SET scheduledat = UTC_TIMESTAMP(6) WHERE id IN :found
