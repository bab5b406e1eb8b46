"""What `hub check --connect` learns about adapters: each is connected to, asked whether it lives, and closed.

Invariant: nothing is subscribed to, read or sent, so that no message moves. An adapter of which only one may be
connected is tried under its lease: one that a running hub has is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from hub.errors import HubError
from hub.ingest.leases import Leases
from hub.ingest.state import explained
from hub.ingest.supervisor import connects
from hub.ports import Adapter, Connected

_PATIENCE: Final = 15.0
LEASE: Final = 2 * _PATIENCE


class Reach(msgspec.Struct, frozen=True):
    """`reason`: why it cannot be reached, or, if `skipped`, why nobody tried; None: it can."""

    adapter: str
    reason: str | None = None
    skipped: bool = False


async def reach_adapters(adapters: Mapping[str, Adapter], leases: Leases | None) -> list[Reach]:
    """Try all of them at the same time; `leases` is None without a database that has them."""
    tried = [_reach(name, adapter, leases) for name, adapter in adapters.items() if connects(adapter)]
    return list(await asyncio.gather(*tried))


async def _reach(name: str, adapter: Connected, leases: Leases | None) -> Reach:
    if not adapter.features.exclusive or leases is None:
        return await _try(name, adapter)
    try:
        fence = await leases.take(name)
    except HubError as error:
        return Reach(name, f"its lease cannot be asked for: {error}", skipped=True)
    if fence is None:
        return Reach(name, "a running hub has it, and only one may be connected: see hub status", skipped=True)
    try:
        return await _try(name, adapter)
    finally:
        await leases.release(name, fence)


async def _try(name: str, adapter: Connected) -> Reach:
    limit = asyncio.timeout(_PATIENCE)
    try:
        async with limit:
            await adapter.connect()
            await adapter.check()
    except Exception as error:  # whatever an adapter raises is the finding
        late = isinstance(error, TimeoutError) and limit.expired()
        return Reach(name, f"no answer within {_PATIENCE:g} s" if late else explained(error))
    finally:
        await adapter.close()
    return Reach(name)
