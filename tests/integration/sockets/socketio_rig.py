"""A whole hub with a Socket.IO server on its port, and the clients that try it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hub import Hub
from hub.adapters.socketio import SocketIoAdapter
from hub.config import build
from hub.model import Outgoing
from hub.testing import HubHarness
from tests.integration.sockets.rig import ROOT, Node, clients, keep, publish

CONFORMANCE = ROOT / "tests" / "clients" / "socketio.mjs"


class Rig:
    """A running hub; its Socket.IO server is at `url` + /socket.io."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.harness = HubHarness(hub)
        self.url = hub.addresses[0]
        adapter = hub.adapters["live"]
        assert isinstance(adapter, SocketIoAdapter)
        self.adapter = adapter

    async def rows(self, **where: Any) -> list[dict[str, Any]]:
        """The rows as they are now, in the order of their arrival, with their payloads."""
        rows, _ = await self.hub.records.jobs(limit=200, **where)
        found = [await self.hub.records.job(row["id"]) for row in sorted(rows, key=lambda row: row["id"])]
        return [row for row in found if row is not None]

    async def jobs(self, **where: Any) -> list[dict[str, Any]]:
        """The rows, each once it has ended."""
        return [await self.harness.wait(row["id"]) for row in await self.rows(**where)]

    async def payloads(self) -> list[Any]:
        """What the route `notes` took in."""
        return [json.loads(row["payload"]) for row in await self.rows(handler="note.keep")]


def configuration(**socketio: Any) -> dict[str, Any]:
    """The adapter and its routes for the events `note` and `say`."""
    return {
        "adapters": {
            "live": {"type": "socketio", "groups": ["line-*"], "namespaces": ["/", "/orders"], **socketio},
        },
        "routes": [
            {"name": "notes", "from": "live", "topic": "note", "handler": "note.keep", "dedupe_key": "payload.key"},
            {"name": "says", "from": "live", "topic": "say", "handler": "say.publish", "ordering_key": "payload.key"},
        ],
    }


@asynccontextmanager
async def serving(
    database: str,
    *,
    socketio: Mapping[str, Any] | None = None,
    auth: Mapping[str, Any] | None = None,
    cache: Mapping[str, Any] | None = None,
    **http: Any,
) -> AsyncIterator[Rig]:
    """A hub on a free port."""
    built = build(
        {
            "jobs": {"enabled": True, "workers": 8, "poll_interval": "50ms", "shutdown_timeout": "500ms"},
            "http": {"port": 0, **http},
            "auth": dict(auth or {}),
            **({} if cache is None else {"cache": dict(cache)}),
            **configuration(**(socketio or {})),
        },
        {"DATABASE_URL": database},
    )
    async with Hub(built, handlers=[keep, publish]) as hub:
        yield Rig(hub)


def outgoing(topic: str, payload: Any = None, **headers: str) -> Outgoing:
    """A message as it leaves; `headers` without the prefix that ours have; bytes as they are."""
    binary = isinstance(payload, bytes)
    return Outgoing(
        id="1",
        to="live",
        topic=topic,
        body=payload if binary else json.dumps(payload).encode(),
        content_type="application/octet-stream" if binary else "application/json",
        headers={f"socketio-{name}": value for name, value in headers.items()},
    )


@asynccontextmanager
async def node(url: str, transport: str, steps: Sequence[str], **environment: str) -> AsyncIterator[Node]:
    """The script, started; it has ended when the block ends."""
    process = await asyncio.create_subprocess_exec(
        "node", str(CONFORMANCE), url, transport, *steps,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**22,
        env={"PATH": os.environ["PATH"], "HUB_TEST_CLIENTS": str(clients()), **environment},
    )  # fmt: skip
    try:
        yield Node(process)
    finally:
        if process.returncode is None:
            process.kill()
        # Its pipes are read to their end, so that they are closed with it.
        await process.communicate()


async def run(url: str, transport: str, *steps: str, **environment: str) -> list[str]:
    """Run the steps to their end. Raises NodeFailed."""
    async with node(url, transport, steps, **environment) as script:
        return await script.finish()
