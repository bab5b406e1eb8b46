"""A whole hub with a SignalR server on its port, and the clients that try it."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub import Hub, Job, handler
from hub.adapters.signalr import SignalRAdapter
from hub.config import build
from hub.model import Outgoing
from hub.testing import HubHarness

ROOT = Path(__file__).parents[3]
CONFORMANCE = ROOT / "tests" / "clients" / "signalr.mjs"
PATIENCE = 60.0
WAYS = [
    ("WebSockets", "json"),
    ("WebSockets", "messagepack"),
    ("ServerSentEvents", "json"),
    ("LongPolling", "json"),
    ("LongPolling", "messagepack"),
]
STEPS = ["invoke", "send", "unknown", "stream", "upload", "groups", "everybody", "result", "cancel"]


@handler("note.keep")
async def keep(payload: Any) -> Any:
    """The payload is the result; `sleep` makes it wait."""
    if isinstance(payload, dict) and payload.get("sleep"):
        await asyncio.sleep(payload["sleep"])
    return payload


@handler("say.publish")
async def publish(payload: dict[str, Any], job: Job) -> None:
    """Send what the client asks for to the clients it names."""
    options = {"key": payload["key"]} if "key" in payload else {}
    await job.publish("live", payload["to"], payload["payload"], headers=payload.get("headers"), **options)


class Rig:
    """A running hub. `url` leads to its SignalR server."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.harness = HubHarness(hub)
        self.url = f"{hub.addresses[0]}/signalr"
        adapter = hub.adapters["live"]
        assert isinstance(adapter, SignalRAdapter)
        self.adapter = adapter

    async def jobs(self, **where: Any) -> list[dict[str, Any]]:
        """The rows, each once it has ended, in the order of their arrival."""
        return [await self.harness.wait(row["id"]) for row in await self.rows(**where)]

    async def rows(self, **where: Any) -> list[dict[str, Any]]:
        """The rows as they are now, in the order of their arrival."""
        rows, _ = await self.hub.records.jobs(limit=200, **where)
        return sorted(rows, key=lambda row: row["id"])

    async def payloads(self) -> list[Any]:
        """What the route `notes` took in."""
        found = [await self.hub.records.job(row["id"]) for row in await self.rows(handler="note.keep")]
        return [json.loads(row["payload"]) for row in found if row is not None]


@asynccontextmanager
async def serving(
    database: str,
    *,
    signalr: Mapping[str, Any] | None = None,
    auth: Mapping[str, Any] | None = None,
    cache: Mapping[str, Any] | None = None,
    **http: Any,
) -> AsyncIterator[Rig]:
    """A hub on a free port, with routes for the topics `note` and `say`."""
    configuration = build(
        {
            "jobs": {"enabled": True, "workers": 8, "poll_interval": "50ms", "shutdown_timeout": "500ms"},
            "http": {"port": 0, **http},
            "auth": dict(auth or {}),
            **({} if cache is None else {"cache": dict(cache)}),
            "adapters": {"live": {"type": "signalr", "groups": ["line-*"], **(signalr or {})}},
            "routes": [
                {
                    "name": "notes", "from": "live", "topic": "note", "handler": "note.keep",
                    "dedupe_key": "payload.key",
                },
                {
                    "name": "says", "from": "live", "topic": "say", "handler": "say.publish",
                    "ordering_key": "payload.key",
                },
            ],
        },
        {"DATABASE_URL": database},
    )  # fmt: skip
    async with Hub(configuration, handlers=[keep, publish]) as hub:
        yield Rig(hub)


def outgoing(topic: str, payload: Any = None, **headers: str) -> Outgoing:
    """A message as it leaves; `headers` without the prefix that ours have."""
    return Outgoing(
        id="1",
        to="live",
        topic=topic,
        body=json.dumps(payload).encode(),
        content_type="application/json",
        headers={f"signalr-{name}": value for name, value in headers.items()},
    )


async def eventually(met: Callable[[], bool], timeout: float = 30.0) -> None:
    """Ask until it is so. Raises TimeoutError."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not met():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"not so within {timeout:g} s")
        await asyncio.sleep(0.005)


# --- the npm clients -------------------------------------------------------------------------------------------------


def clients() -> Path:
    """The folder with the JavaScript clients. Skips, or fails where CI is set."""
    script = ROOT / "scripts" / "servers.sh"
    found = Path(
        subprocess.run(["sh", str(script), "--cache"], capture_output=True, text=True, check=True).stdout.strip()
    )
    if not shutil.which("node") or not (found / "clients" / "node_modules").is_dir():
        reason = "Node.js or its clients are missing: sh scripts/servers.sh"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found / "clients"


class NodeFailed(Exception):
    """What the script said when it failed."""


class Node:
    """A run of the conformance script; `lines` of JSON come out of it, and `tell` answers it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[dict[str, Any]] = []

    async def line(self) -> dict[str, Any] | None:
        """The next line, None at the orderly end. Raises NodeFailed."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        text = await self._process.stdout.readline()
        if text:
            line: dict[str, Any] = json.loads(text)
            self.said.append(line)
            if "failed" in line:
                raise NodeFailed(line["failed"])
            return line
        errors = (await self._process.stderr.read()).decode()
        if await self._process.wait() != 0:
            raise NodeFailed(errors or "no reason given")
        return None

    async def tell(self, value: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")
        await self._process.stdin.drain()

    async def finish(self) -> list[str]:
        """The steps that succeeded, once all have."""
        async with asyncio.timeout(PATIENCE):
            while await self.line() is not None:
                pass
        return [line["step"] for line in self.said if line.get("ok")]


@asynccontextmanager
async def node(
    url: str, transport: str, protocol: str, steps: Sequence[str], **environment: str
) -> AsyncIterator[Node]:
    """The script, started; it has ended when the block ends."""
    process = await asyncio.create_subprocess_exec(
        "node", str(CONFORMANCE), url, transport, protocol, *steps,
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


async def run(url: str, transport: str, protocol: str, *steps: str, **environment: str) -> list[str]:
    """Run the steps to their end. Raises NodeFailed."""
    async with node(url, transport, protocol, steps, **environment) as script:
        return await script.finish()
