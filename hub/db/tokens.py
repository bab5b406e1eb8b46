"""API tokens in the database: made, listed, revoked, found by their digest.

Invariant: the token itself exists only in the answer of `create`; the database keeps its SHA-256, and no message shows
either. A token is 256 random bits, so that a plain digest is as good as a slow one.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

import msgspec

from hub.db.sqlite.instants import from_text
from hub.db.statement import load
from hub.errors import AlreadyExists, NotFound, Rejected
from hub.ports import Database, Statement

PREFIX = "hub_"
"""Begins every token, so that scanners recognise one that was committed by mistake."""

ROLES = ("viewer", "operator", "admin")

_BYTES = 32
_NAME_LIMIT = 255


class Token(msgspec.Struct, frozen=True):
    """What is known of a token; times in UTC."""

    name: str
    role: str
    createdon: datetime
    revokedon: datetime | None


class TokenStore:
    """See the module. Every method raises DatabaseUnavailable when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, role: str) -> str:
        """A new token, to be shown once. The name of a revoked token may be used again.

        Raises AlreadyExists if the name is taken, Rejected for a name or role that makes no sense.
        """
        if not name or not name.isprintable() or name != name.strip() or len(name) > _NAME_LIMIT:
            raise Rejected(f"a token's name has 1 to {_NAME_LIMIT} printable characters", field="name")
        if role not in ROLES:
            raise Rejected(f"no role {role!r}: choose from {', '.join(ROLES)}", field="role")
        token = PREFIX + secrets.token_urlsafe(_BYTES)
        made = await self._database.run(self._load("token_create"), name=name, role=role, sha=digest(token))
        if not made:
            raise AlreadyExists(f"there is a token {name!r} already: revoke it first, or choose another name")
        return token

    async def list(self) -> list[Token]:
        """Every token, revoked ones too, the newest first."""
        rows = await self._database.read(self._load("token_list"))
        return [Token(row[0], row[1], _instant(row[2]), None if row[3] is None else _instant(row[3])) for row in rows]

    async def revoke(self, name: str) -> None:
        """From now on the token opens nothing. Raises NotFound if there is none of that name that still did."""
        if not await self._database.run(self._load("token_revoke"), name=name):
            raise NotFound(f"there is no token {name!r} that could be revoked")

    async def find(self, sha256: str) -> tuple[str, str] | None:
        """(name, role) of the token with this digest; None if there is none, or it was revoked."""
        rows = await self._database.read(self._load("token_find"), sha=sha256)
        return (rows[0][0], rows[0][1]) if rows else None

    def _load(self, name: str) -> Statement:
        return load("hub.db", self._database.dialect, name)


def digest(token: str) -> str:
    """The SHA-256 of a token, in hexadecimal: how it is kept and looked for."""
    return hashlib.sha256(token.encode()).hexdigest()


def _instant(value: Any) -> datetime:
    instant: datetime = from_text(value) if isinstance(value, str) else value
    return instant
