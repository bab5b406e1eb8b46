-- Keep a token by its digest; the name of a revoked one may be used again. Answers nothing if the name is taken.
-- Plan: primary key.
INSERT INTO hub_tokens (name, role, sha256) VALUES (:name::text, :role::text, :sha::text)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, sha256 = excluded.sha256, createdon = clock_timestamp(),
    revokedon = NULL
WHERE hub_tokens.revokedon IS NOT NULL
RETURNING name
