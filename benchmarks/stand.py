"""Where everything is measured: a PostgreSQL server, and a fresh database for each run of a contestant.

Invariant: a run finds its tables as a migration leaves them plus what was filled in, vacuumed and analyzed, with no
checkpoint pending from before; nothing of the run before is left in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from pgqueuer.adapters.persistence.queries import Queries

from benchmarks.child import Child
from benchmarks.machine import tree_cpu
from benchmarks.sizes import Sizes
from hub.resources import migrations_dir
from tests.servers import PostgresDatabases, PostgresService

_T = TypeVar("_T")

EFFECTS = "CREATE TABLE effects (note text)"
SERVER = {"shared_buffers": "128MB", "max_connections": "100"}
"""PostgreSQL's defaults, where the launcher of the tests has others."""


class Stand:
    """`server` may be anybody's; its CPU is measured if it is a PostgresService. `folder` is for SQLite files."""

    def __init__(self, server: PostgresDatabases, sizes: Sizes, folder: Path, profiles: Path | None = None) -> None:
        self.server = server
        self.sizes = sizes
        self.folder = folder
        self.profiles = profiles
        self._templates: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._children = 0
        self._entered = ExitStack()

    # --- databases --------------------------------------------------------------------------------------------------

    @contextmanager
    def fresh(self, product: str, *, checkpoint: bool = True) -> Iterator[str]:
        """The URL of a new database with the tables of 'hub' or 'pgqueuer', and a table `effects`.

        `checkpoint` before, so that none falls into the run; not beside a database that is kept, as its next writes
        would each log a whole page.
        """
        url = self._create(product, checkpoint=checkpoint)
        try:
            yield url
        finally:
            self.server.drop_database(_name(url))

    def kept(self, name: str, *fill: str) -> str:
        """The URL of a hub database that is filled by these statements when it is first asked for; see `clear`."""
        if name not in self._kept:
            url = self._kept[name] = self._create("hub", checkpoint=True)
            for statement in fill:
                self.execute(url, statement)
            self.settle(url)
        return self._kept[name]

    def clear(self) -> None:
        """Drop the databases that were kept."""
        while self._kept:
            self.server.drop_database(_name(self._kept.popitem()[1]))

    def enter(self, other: AbstractContextManager[_T]) -> _T:
        """Another server that a benchmark needs, kept until `close`."""
        return self._entered.enter_context(other)

    def close(self) -> None:
        """Drop everything that this stand has made."""
        self._entered.close()
        self.clear()
        while self._templates:
            self.server.drop_database(self._templates.popitem()[1])

    def settle(self, url: str) -> None:
        """After filling: what autovacuum would have done by now."""
        self.execute(url, "VACUUM (ANALYZE)")

    def execute(self, url: str, sql: str) -> None:
        self.server.execute(sql, database=_name(url))

    def value(self, url: str, sql: str) -> Any:
        return self.server.fetch(sql, database=_name(url))[0][0]

    def _create(self, product: str, *, checkpoint: bool) -> str:
        if product not in self._templates:
            template = self.server.unique_name()
            url = self.server.create_database(template)
            self._templates[product] = template
            _INSTALL[product](self, url)
            self.execute(url, EFFECTS)
        if checkpoint:
            self.execute(self.server.admin_url, "CHECKPOINT")
        return self.server.create_database(self.server.unique_name(), template=self._templates[product])

    # --- processes --------------------------------------------------------------------------------------------------

    def child(self, role: str, **spec: Any) -> Child:
        """A process that plays a role; see benchmarks.roles."""
        if self.profiles is not None:
            self._children += 1
            spec["profile"] = str(self.profiles / f"{self._children:03}-{role}.prof")
        return Child(role, timeout=self.sizes.timeout, **spec)

    def server_cpu(self) -> float | None:
        """Seconds of CPU the server has used since it was started."""
        return tree_cpu(self.server.pid) if isinstance(self.server, PostgresService) else None

    def measured(self, role: str, count: int, /, **spec: Any) -> dict[str, Any]:
        """Run a role that works for itself; its answer, with `rate` (`count` a second) and the CPU for 10,000 added."""
        with self.child(role, **spec) as child:
            child.ready()
            before = self.server_cpu()
            child.go()
            answer = child.answer()
            after = self.server_cpu()
            child.say("end")
        figures = {**answer, "rate": count / answer["seconds"], "worker_cpu": answer["cpu"] / count * 10_000}
        if before is not None and after is not None:
            figures["server_cpu"] = (after - before) / count * 10_000
        return figures


def _install_hub(stand: Stand, url: str) -> None:
    files = migrations_dir("postgresql").iterdir()
    for file in sorted((file for file in files if file.name.endswith(".sql")), key=lambda file: file.name):
        stand.execute(url, file.read_text(encoding="utf-8"))


def _install_pgqueuer(_stand: Stand, url: str) -> None:
    async def install() -> None:
        connection = await asyncpg.connect(url)
        queries = Queries.from_asyncpg_connection(connection)
        await queries.install()
        await queries.optimize_autovacuum()
        await connection.close()

    asyncio.run(install())


_INSTALL = {"hub": _install_hub, "pgqueuer": _install_pgqueuer}


def _name(url: str) -> str:
    return url.rpartition("/")[2]
