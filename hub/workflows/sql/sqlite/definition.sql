-- The definition that an execution keeps. Plan: primary key.
SELECT definition FROM workflow_executions WHERE workflow_id = :id
