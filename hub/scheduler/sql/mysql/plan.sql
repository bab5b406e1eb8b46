-- columns: id, revision, following, lasterror, sound
-- Write when each row fires next, unless its definition was changed meanwhile or somebody else has planned it (with :anew
-- also then). A row that is not sound is disabled, its error in view; one that is disabled already keeps its last error.
-- Disabling is a change too: the row's revision rises, and the next round plans it as a disabled one. Rows in somebody's
-- hands are left for the next round. Plan: primary keys.
SELECT j.id
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]', revision bigint PATH '$[1]')) b
STRAIGHT_JOIN jobs j FORCE INDEX (PRIMARY) ON j.id = b.id
STRAIGHT_JOIN job_plans p FORCE INDEX (PRIMARY) ON p.jobid = b.id
WHERE p.revision = b.revision AND (p.planned <> p.revision OR :anew)
FOR UPDATE /*!80000 OF j, p */ SKIP LOCKED
----
UPDATE job_plans SET planned = revision WHERE jobid IN :found
----
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
    id varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
    following longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[2]',
    lasterror longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[3]', sound int PATH '$[4]')) b
STRAIGHT_JOIN jobs j FORCE INDEX (PRIMARY) ON j.id = b.id
SET j.nextrunat = CAST(b.following AS datetime(6)),
    j.lasterror = IF(b.sound AND NOT (j.enabled AND j.active AND NOT j.is_deleted), j.lasterror, b.lasterror),
    j.enabled = j.enabled AND b.sound
WHERE j.id IN :found
