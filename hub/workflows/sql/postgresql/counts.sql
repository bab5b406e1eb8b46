-- How many executions are in each state, up to :most of each. Plan: we_status.
SELECT status, count(*) AS many FROM (
    (SELECT status FROM workflow_executions WHERE status = 'pending' LIMIT :most::int) UNION ALL
    (SELECT status FROM workflow_executions WHERE status = 'running' LIMIT :most::int) UNION ALL
    (SELECT status FROM workflow_executions WHERE status = 'completed' LIMIT :most::int) UNION ALL
    (SELECT status FROM workflow_executions WHERE status = 'failed' LIMIT :most::int) UNION ALL
    (SELECT status FROM workflow_executions WHERE status = 'cancelled' LIMIT :most::int)) counted
GROUP BY status
