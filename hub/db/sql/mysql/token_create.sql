-- Keep a token by its digest; the name of a revoked one may be used again. Answers nothing if the name is taken.
-- An UPDATE sees what it has assigned already: revokedon comes last. Plan: primary key.
INSERT INTO hub_tokens (name, role, sha256) VALUES (:name, :role, :sha)
ON DUPLICATE KEY UPDATE role = IF(revokedon IS NULL, role, :role), sha256 = IF(revokedon IS NULL, sha256, :sha),
    createdon = IF(revokedon IS NULL, createdon, UTC_TIMESTAMP(6)), revokedon = NULL
----
SELECT name FROM hub_tokens WHERE name = :name AND sha256 = :sha
