"""Leases of adapters: which instance may be connected where only one may.

Invariant: times are the database's. A lease is taken by raising its fence, so that whoever held it before renews and
releases nothing.
"""

from __future__ import annotations

from hub.db.statement import load
from hub.ports import Database


class Leases:
    """The leases as `owner` sees them; `lease` in seconds. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, owner: str, lease: float) -> None:
        self._database = database
        self._owner = owner
        self.lease = lease
        self._take = load("hub.ingest", database.dialect, "lease_take")
        self._renew = load("hub.ingest", database.dialect, "lease_renew")
        self._release = load("hub.ingest", database.dialect, "lease_release")

    async def take(self, adapter: str) -> int | None:
        """The fence of the lease that is held from now on; None while another instance holds it."""
        rows = await self._database.run(self._take, adapter=adapter, owner=self._owner, lease=self.lease)
        return int(rows[0][0]) if rows else None

    async def renew(self, adapter: str, fence: int) -> bool:
        """Hold it for longer; False: it is another's by now."""
        rows = await self._database.run(self._renew, adapter=adapter, owner=self._owner, fence=fence, lease=self.lease)
        return bool(rows)

    async def release(self, adapter: str, fence: int) -> None:
        """Let another instance take it at once; harmless when it is another's already."""
        await self._database.run(self._release, adapter=adapter, owner=self._owner, fence=fence)
