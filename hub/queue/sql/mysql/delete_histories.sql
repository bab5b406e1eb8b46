-- Delete up to :limit attempts that began more than :days ago. Answers their ids. Plan: jh_started, then the primary key.
SELECT id FROM job_histories FORCE INDEX (jh_started)
WHERE startedat < UTC_TIMESTAMP(6) - INTERVAL CAST(:days * 86400 AS SIGNED) SECOND
ORDER BY startedat LIMIT :limit FOR UPDATE SKIP LOCKED
----
DELETE FROM job_histories WHERE id IN :found
