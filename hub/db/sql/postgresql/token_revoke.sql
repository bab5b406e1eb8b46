-- From now on the token opens nothing. Answers nothing if there is none of that name, or it was revoked before.
-- Plan: primary key.
UPDATE hub_tokens SET revokedon = clock_timestamp() WHERE name = :name::text AND revokedon IS NULL RETURNING name
