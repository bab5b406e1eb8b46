"""A whole hub for the length of a block: its own database, its own port, its own handlers.

Invariant: waiting means asking the database until it says so; a test that waits too long fails with what it waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Unpack

from hub.app import Hub
from hub.clock import Clock
from hub.config import build
from hub.db.statement import load
from hub.errors import NotFound
from hub.handlers.mark import marks
from hub.handlers.outgoing import Options
from hub.ports import Row
from hub.testing.outcome import Outcome, outcome_of

Handlers = Iterable[Callable[..., Any] | ModuleType | str]
"""Marked functions, modules with such, or names of modules."""

_DEFAULTS: dict[str, Any] = {
    # Rows that a test inserts by SQL are found at once.
    "jobs": {"enabled": True, "workers": 8, "poll_interval": "50ms", "shutdown_timeout": "5s"},
    "http": {"port": 0},
    "adapters": {"web": {"type": "http"}},
}
_SHORTEST, _LONGEST = 0.001, 0.05


class HubHarness:
    """A running hub under test; `hub` is the hub itself, `url` the address of its port ('' without one)."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @property
    def url(self) -> str:
        return self.hub.addresses[0] if self.hub.addresses else ""

    async def enqueue(
        self,
        handler: str | Callable[..., Any],
        payload: Any = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Enqueue a job, by its handler's name or function; answers its id. As Hub.enqueue otherwise."""
        return await self.hub.enqueue(name_of(handler), payload, metadata=metadata, **options)

    async def wait(self, job_id: str, timeout: float = 10.0) -> dict[str, Any]:
        """The row of a job once it has ended; a retry is waited for as well.

        Raises NotFound if there is no such job, TimeoutError, which says in what state it still is, after `timeout`
        seconds.
        """
        job: dict[str, Any] = {}

        async def ended() -> bool:
            nonlocal job
            found = await self.hub.records.job(job_id)
            if found is None:
                raise NotFound(f"there is no job {job_id!r}")
            job = found
            return job["status"] in ("completed", "failed", "cancelled")

        await _until(ended, timeout, lambda: f"job {job_id} ({job['handler']}) is still {job['status']}")
        return job

    async def outcome(self, job_id: str, timeout: float = 10.0) -> Outcome:
        """What became of a job, once it has ended: `wait`, with its attempts and what it left behind."""
        job = await self.wait(job_id, timeout)
        return outcome_of(job, await self.hub.records.history_of(job_id), await self.children(job_id))

    async def drain(self, timeout: float = 10.0) -> None:
        """Wait until nothing runs and nothing could run now; what waits for a later time is left.

        Raises TimeoutError.
        """
        left: int = 0

        async def done() -> bool:
            nonlocal left
            left = int((await self._read("unfinished"))[0][0])
            return left == 0

        await _until(done, timeout, lambda: f"{left} jobs run or could run")

    async def hurry(self) -> int:
        """Make due whatever waits for its time: retries, snoozes, scheduled jobs; answers how many there were."""
        statement = load("hub.testing", self.hub.database.dialect, "hurry")
        hurried = await self.hub.database.run(statement)
        self.hub.engine.woken([""])
        return len(hurried)

    async def children(self, job_id: str) -> list[dict[str, Any]]:
        """The rows that a job left behind, messages and jobs, in their order."""
        found = [await self.hub.records.job(row["id"]) for row in await self._read("children", id=job_id)]
        return [job for job in found if job is not None]

    async def _read(self, name: str, **scalars: Any) -> list[Row]:
        statement = load("hub.testing", self.hub.database.dialect, name)
        return await self.hub.database.read(statement, **scalars)


@asynccontextmanager
async def running_hub(
    *,
    handlers: Handlers = (),
    database: str | None = None,
    configuration: Mapping[str, Any] | None = None,
    roles: Collection[str] | None = None,
    queues: Collection[str] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[HubHarness]:
    """A hub that runs for the length of the block.

    `database` is a URL; left out, a SQLite file that is removed afterwards. `configuration` has the sections of
    configuration.json, laid over what a test usually wants (a free port, an adapter `web`); no variable of the
    environment is looked at. `roles`, `queues` and `clock` as for Hub. Raises what keeps a hub from starting.

    >>> import asyncio
    >>> from hub import handler
    >>> @handler("greet")
    ... async def greet(payload: dict) -> str:
    ...     return f"Hello, {payload['name']}!"
    >>> async def test():
    ...     async with running_hub(handlers=[greet]) as hub:
    ...         job_id = await hub.enqueue("greet", {"name": "Ada"})
    ...         return await hub.wait(job_id)
    >>> job = asyncio.run(test())
    >>> job["status"], job["result"]
    ('completed', '"Hello, Ada!"')
    """
    functions, modules = _sorted(handlers)
    with TemporaryDirectory(prefix="hub-test-") as folder:
        url = database or f"sqlite:///{Path(folder) / 'hub.db'}"
        document = _laid_over({**_DEFAULTS, "database": {"url": url}, "handlers": modules}, configuration or {})
        hub = Hub(build(document, {}), roles=roles, queues=queues, handlers=functions, clock=clock)
        async with hub:
            yield HubHarness(hub)


def name_of(handler: str | Callable[..., Any]) -> str:
    """The name of a handler, which may be given as its function. Raises ValueError for one that is not marked."""
    if isinstance(handler, str):
        return handler
    if not marks(handler):
        raise ValueError(f"{handler!r} is no handler: mark it with @handler(name)")
    return marks(handler)[0].name


def _sorted(handlers: Handlers) -> tuple[list[Callable[..., Any]], list[str]]:
    """Functions, and names of modules."""
    functions: list[Callable[..., Any]] = []
    modules: list[str] = []
    for each in handlers:
        if isinstance(each, str):
            modules.append(each)
        elif isinstance(each, ModuleType):
            functions += [value for value in vars(each).values() if marks(value)]
        else:
            functions.append(each)
    return functions, modules


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Section by section; a list of `above` takes the place of the one below."""
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = {**merged[name], **value} if both else value
    return merged


async def _until(met: Callable[[], Awaitable[bool]], timeout: float, still: Callable[[], str]) -> None:
    """Ask until `met`, soon at first and then less often. Raises TimeoutError with what is `still` the case."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout  # real time, whatever the hub's clock says
    pause = _SHORTEST
    while not await met():
        if loop.time() > deadline:
            raise TimeoutError(f"after {timeout:g} s {still()}")
        await asyncio.sleep(pause)
        pause = min(_LONGEST, pause * 1.5)
