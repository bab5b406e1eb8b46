-- columns: executionid
-- Which executions have left their history row: asked after a COMMIT whose answer was lost. Plan: primary key.
SELECT id FROM job_histories WHERE id IN (SELECT value ->> 0 FROM json_each(:rows))
