-- The steps of an execution that have begun, with what their jobs do now. Plan: ws_workflow, the jobs' index on id.
SELECT s.step_id, s.step_name, s.status, s.input_data::text AS input_data, s.output_data::text AS output_data, s.error_message, s.started_at,
       s.completed_at, s.created_at, j.statusid, j.lasterror, j.startedat, j.scheduledat
FROM workflow_steps s LEFT JOIN queue_jobs j ON j.id = s.step_id
WHERE s.workflow_id = :id::text
ORDER BY s.created_at, s.step_id
