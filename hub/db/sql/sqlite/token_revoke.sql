-- From now on the token opens nothing. Answers nothing if there is none of that name, or it was revoked before.
-- Plan: primary key.
UPDATE hub_tokens SET revokedon = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
WHERE name = :name AND revokedon IS NULL RETURNING name
