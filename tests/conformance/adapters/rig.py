"""A whole hub before a broker, and what a test asks about it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text

from hub import Hub, handler
from hub.config import build
from hub.ingest.state import AdapterState
from hub.testing import HubHarness
from tests.conformance.adapters.broker import Broker

NAME = "broker"
"""The adapter's name in the configuration."""
PATIENCE = 40.0


@handler("note")
async def note(payload: dict[str, Any]) -> int:
    """The work of every route here."""
    return int(payload["n"])


def route(topic: str, **more: Any) -> dict[str, Any]:
    return {"name": "in", "from": NAME, "topic": topic, "handler": "note", **more}


def document(broker: Broker, routes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration of a hub before this broker."""
    return {
        "jobs": {"enabled": True, "workers": 8, "poll_interval": "50ms", "shutdown_timeout": "5s"},
        "http": {"port": 0},
        "adapters": {NAME: broker.settings()},
        "routes": list(routes),
    }


class Bench(HubHarness):
    """A running hub."""

    @property
    def state(self) -> AdapterState:
        return self.hub.supervisor.states[NAME]

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with self.hub.database.transaction() as connection:
            answer = await connection.execute(text(statement), parameters)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def came_in(self) -> list[Any]:
        """What the broker has brought, in the order of arrival; `metadata` as a dictionary."""
        rows = await self.sql("SELECT * FROM queue_jobs WHERE direction = 'inbound' ORDER BY seq")
        return [{**row, "metadata": _json(row["metadata"])} for row in rows]

    async def numbers(self) -> list[int]:
        """The `n` of each inbound row that is no dead letter."""
        return [json.loads(row["payload"])["n"] for row in await self.came_in() if row["statusid"] != 4]

    async def connected(self, *topics: str) -> None:
        """Until the adapter reads these topics."""
        await eventually(lambda: self.state.state == "connected" and set(topics) <= set(self.state.topics), self._say)

    async def has(self, numbers: Sequence[int]) -> None:
        """Until each of these has a row, and then exactly these and each once."""
        found: list[int] = []

        async def all_there() -> bool:
            nonlocal found
            found = await self.numbers()
            return set(numbers) <= set(found) and len(found) >= len(numbers)

        await eventually(
            all_there, lambda: f"{len(set(numbers) - set(found))} of {len(numbers)} missing; {self._say()}"
        )
        assert sorted(found) == sorted(numbers)

    def _say(self) -> str:
        return str(self.state.view())


@asynccontextmanager
async def running(
    url: str, broker: Broker, routes: Sequence[Mapping[str, Any]], *handlers: Callable[..., Any]
) -> AsyncIterator[Bench]:
    """A hub before the broker, connected to the topics of its routes only when the block says so (`connected`)."""
    hub = Hub(build(document(broker, routes), {"DATABASE_URL": url}), handlers=[note, *handlers])
    async with hub:
        yield Bench(hub)


async def eventually(
    met: Callable[[], bool | Awaitable[bool]], still: Callable[[], str] = lambda: "", patience: float = PATIENCE
) -> None:
    """Ask until it is so. Raises TimeoutError with what is still the case."""
    try:
        async with asyncio.timeout(patience):
            while True:
                answer = met()
                if answer if isinstance(answer, bool) else await answer:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise TimeoutError(f"after {patience:g} s: {still()}") from error


def numbered(n: int, **more: Any) -> bytes:
    return json.dumps({"n": n, **more}).encode()


def _json(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value or {}
    return found
