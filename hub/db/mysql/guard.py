"""What hub.db.guard does not know: which texts end a transaction on MariaDB and MySQL only.

Invariant: a text is refused if the server would read its first word, behind blanks and comments, as one that commits by
itself (definitions do here), or that hides what it runs. What a procedure does is seen at the finish, by the flag of
the server's answers.
"""

from __future__ import annotations

import re

from hub.db import guard

_BLANKS = re.compile(r"(?:[\s;]+|#[^\n]*|--(?=[\s\x00-\x1f]|$)[^\n]*|/\*(?!M?!).*?(?:\*/|$))+", re.DOTALL)
_WORDS = re.compile(r"\w+")
_COMMITTING = frozenset(
    (
        *("ALTER", "ANALYZE", "CACHE", "CHANGE", "CHECK", "CREATE", "DROP", "FLUSH", "GRANT", "INSTALL", "LOCK"),
        *("OPTIMIZE", "RENAME", "REPAIR", "RESET", "REVOKE", "TRUNCATE", "UNINSTALL", "UNLOCK", "XA"),
    )
)
_TEMPORARY = re.compile(r"(?:CREATE(?:\s+OR\s+REPLACE)?|DROP)\s+TEMPORARY\s+TABLE\b", re.IGNORECASE)
_SETTING = re.compile(r"SET\s+(?:STATEMENT|PASSWORD)\b|SET\b.*\bAUTOCOMMIT\b", re.IGNORECASE | re.DOTALL)


def refusal(sql: str) -> str | None:
    """Why a handler may not send this text; None if it may."""
    found = _BLANKS.match(sql)
    bare = sql[found.end() :] if found is not None else sql
    if bare.startswith("/*"):
        return "a comment that the server runs"
    word = _WORDS.match(bare)
    if word is None:
        return None
    first = word[0].upper()
    if first in _COMMITTING:
        return None if _TEMPORARY.match(bare) else f"{first}, which commits by itself,"
    if first == "EXECUTE":
        return "EXECUTE, which hides what it runs,"
    if first == "SET" and (setting := _SETTING.match(bare)) is not None:
        return " ".join(setting[0].split())
    return guard.refusal(bare)
