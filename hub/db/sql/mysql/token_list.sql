-- Every token, the newest first; there are few.
SELECT name, role, createdon, revokedon FROM hub_tokens ORDER BY createdon DESC, name
