-- columns: id, revision, following, lasterror, sound
-- Write when each row fires next, unless its definition was changed meanwhile or somebody else has planned it (with :anew
-- also then). A row that is not sound is disabled, its error in view; one that is disabled already keeps its last error.
-- Rows in somebody's hands are left for the next round. Plan: primary keys.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest(:id::text[], :revision::bigint[], :following::timestamptz[], :lasterror::text[],
        :sound::boolean[]) AS v (id, revision, following, lasterror, sound)
), held AS MATERIALIZED (
    SELECT b.* FROM batch b JOIN jobs j ON j.id = ANY (ARRAY[b.id]) JOIN job_plans p ON p.jobid = ANY (ARRAY[b.id])
    WHERE p.revision = b.revision AND (p.planned <> p.revision OR :anew::boolean)
    FOR UPDATE OF j, p SKIP LOCKED
), noted AS (
    UPDATE job_plans p SET planned = p.revision FROM held h WHERE p.jobid = ANY (ARRAY[h.id])
)
UPDATE jobs j SET nextrunat = h.following, enabled = j.enabled AND h.sound,
    lasterror = CASE WHEN h.sound AND NOT (j.enabled AND j.active AND NOT j.is_deleted) THEN j.lasterror
                     ELSE h.lasterror END
FROM held h WHERE j.id = ANY (ARRAY[h.id])
RETURNING j.id
