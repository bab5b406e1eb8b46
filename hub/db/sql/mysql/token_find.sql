-- The token with this digest, unless it was revoked: asked by every call that brings one. Plan: the unique index.
SELECT name, role FROM hub_tokens WHERE sha256 = :sha AND revokedon IS NULL
