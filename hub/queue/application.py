"""Enqueue in the caller's own transaction: a row that is there when the application commits, and not otherwise.

Invariant: only SQLAlchemy Core is used, so that any driver, sync or async, connection or session, will do. Workers are
woken after the commit: here at once, on other instances by the database where it can notify.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, DateTime, Dialect, Float, Integer, column, event, insert, table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.types import JSON, Text, TypeDecorator, TypeEngine

from hub.db.mysql.instants import utc_text
from hub.db.sqlite.instants import to_text
from hub.errors import Rejected
from hub.model import NewJob, Status
from hub.queue.arrival import NOTHING, Arrival, Told

SyncConnection = Connection | Session | scoped_session[Session]
AnyConnection = AsyncConnection | AsyncSession | async_scoped_session[AsyncSession] | SyncConnection

_MYSQL = ("mysql", "mariadb")


class _Instant(TypeDecorator[datetime]):
    """A time with zone; on SQLite in the hub's one text form, on MySQL, which knows no zones, in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name in ("sqlite", *_MYSQL) else DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name not in ("sqlite", *_MYSQL):
            return value
        return to_text(value) if dialect.name == "sqlite" else utc_text(value)


_TYPES: dict[str, TypeEngine[Any]] = {
    "scheduledat": _Instant(),
    "priority": Integer(),
    "maxretries": Integer(),
    "typeid": Integer(),
    "statusid": Integer(),
    "timeout": Float(),
    "metadata": JSON().with_variant(JSONB(), "postgresql"),
}
_QUEUE_JOBS = table(
    "queue_jobs",
    *(column(name, _TYPES.get(name, Text())) for name in (*NewJob.__struct_fields__, "uniquekey") if name != "delay"),
)


_uncommitted: WeakKeyDictionary[Connection, dict[Told, Arrival]] = WeakKeyDictionary()


async def enqueue_in(connection: AnyConnection, jobs: Sequence[NewJob], arrived: Told | None) -> None:
    """Insert rows with the caller's connection or session; they count once the caller commits.

    A dedupe or unique key that is taken raises the database's own integrity error, which is the caller's to handle.
    """
    await run_in(connection, insert_in, jobs, arrived)


async def run_in(connection: AnyConnection, work: Callable[..., None], *arguments: object) -> None:
    """Call `work` with the connection or session in its synchronous form, and the arguments."""
    if isinstance(connection, async_scoped_session):
        connection = connection()
    if isinstance(connection, AsyncConnection | AsyncSession):
        await connection.run_sync(work, *arguments)
    else:
        work(connection, *arguments)


def insert_in(connection: SyncConnection, jobs: Sequence[NewJob], arrived: Told | None) -> None:
    """The same for a synchronous connection or session."""
    plain = plain_of(connection)
    dialect = plain.dialect.name
    if dialect not in ("postgresql", "sqlite", *_MYSQL):
        raise Rejected(f"the hub's tables cannot be in a database of {dialect}", field="connection")
    if not jobs:
        return
    plain.execute(insert(_QUEUE_JOBS), [_row(job) for job in jobs])
    arrival = Arrival.of(jobs)
    if dialect == "postgresql":
        for queue in arrival.queues:
            plain.execute(text("SELECT pg_notify(:channel, :queue)"), {"channel": arrival.channel, "queue": queue})
    if arrived is not None:
        if plain not in _uncommitted:  # SQLAlchemy forgets a listener only together with the connection
            _uncommitted[plain] = {}
            event.listen(plain, "commit", _committed)
        _uncommitted[plain][arrived] = _uncommitted[plain].get(arrived, NOTHING) | arrival


def plain_of(given: object) -> Connection:
    """The connection, or the one that a session has. Raises Rejected for anything else."""
    if isinstance(given, scoped_session):
        given = given()
    if isinstance(given, Session):
        return given.connection()
    if isinstance(given, Connection):
        return given
    way = ", which is async: await enqueue_async" if isinstance(given, AsyncConnection | AsyncSession) else ""
    raise Rejected(
        f"expected a connection or session of SQLAlchemy, got {type(given).__name__}{way}", field="connection"
    )


def _committed(connection: Connection) -> None:
    told = _uncommitted[connection]
    _uncommitted[connection] = {}
    for arrived, arrival in told.items():
        arrived(arrival)


def _row(job: NewJob) -> dict[str, Any]:
    row = {"uniquekey": None, **asdict(job)}
    row.pop("waits", None)  # for jobs alone, which have children
    delay = row.pop("delay")
    if delay is not None:
        # by this process's clock: Core knows no expression for it that all databases share
        row["scheduledat"] = datetime.now(UTC) + timedelta(seconds=delay)
    if row["scheduledat"] is not None:
        row["statusid"] = Status.SCHEDULED
    if row["metadata"] is not None:
        row["metadata"] = msgspec.json.decode(row["metadata"])
    return row
