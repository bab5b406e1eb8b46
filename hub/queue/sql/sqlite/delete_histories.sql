-- Delete up to :limit attempts that began more than :days ago. Answers their ids. Plan: jh_started, then the
-- primary key.
DELETE FROM job_histories WHERE id IN (
    SELECT id FROM job_histories WHERE startedat < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', -:days || ' days')
    ORDER BY startedat LIMIT :limit
)
RETURNING id
