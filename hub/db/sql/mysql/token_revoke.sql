-- From now on the token opens nothing. Answers nothing if there is none of that name, or it was revoked before.
-- Plan: primary key.
SELECT name FROM hub_tokens WHERE name = :name AND revokedon IS NULL FOR UPDATE
----
UPDATE hub_tokens SET revokedon = UTC_TIMESTAMP(6) WHERE name IN :found
