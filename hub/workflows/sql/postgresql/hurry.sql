-- columns: id
-- Let these jobs, which wait for their time, be due now. Plan: primary key.
UPDATE queue_jobs SET scheduledat = clock_timestamp()
WHERE id = ANY (:id::text[]) AND scheduledat > clock_timestamp() AND gate = 0 AND statusid IN (0, 1, 5, 7)
