-- Delete up to :limit attempts that began more than :days ago. Answers their ids. Plan: jh_started, then the
-- primary key.
DELETE FROM job_histories WHERE id = ANY (ARRAY(
    SELECT id FROM job_histories WHERE startedat < now() - make_interval(secs => :days::float8 * 86400)
    ORDER BY startedat LIMIT :limit::int
))
RETURNING id
