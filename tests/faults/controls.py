"""Negative controls: the hub made wrong on purpose, in a victim's process, to see that the oracle notices.

Invariant: each takes away exactly one thing that the promise rests on, and nothing else.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import asyncpg
import msgspec

import hub.queue.store as store
from hub.db.mysql.job import MysqlJobTransaction
from hub.db.mysql.slots import JobSlot as MysqlSlot
from hub.db.postgresql.job import PostgresJobTransaction
from hub.db.postgresql.slots import JobSlot
from hub.db.sqlite.writer import Work, WriteHold
from hub.model import Enqueued, NewJob
from hub.ports import Rows, Statement
from hub.queue.group_commit import GroupCommit
from hub.queue.heartbeat import Heartbeat


class Control(StrEnum):
    NO_FENCE = "no-fence"
    """Whoever finishes is believed: the fence and the state are not looked at."""
    EFFECTS_FIRST = "effects-first"
    """The handler's effects are committed, then the completion, in a transaction of its own."""
    ANSWER_FIRST = "answer-first"
    """A sender is told that its message is accepted before the row is committed."""
    NO_DEDUPE = "no-dedupe"
    """The key by which a repeated message is known is not stored."""
    ACKNOWLEDGE_FIRST = "acknowledge-first"
    """A broker is told that its messages are taken before the rows are committed."""
    OFFSET_OUTSIDE = "offset-outside"
    """The place in a broker's log is not committed with the rows; the broker alone knows it."""
    CHILDREN_STAY = "children-stay"
    """A child of the process pool takes no notice of its parent's end."""
    NO_HEARTBEAT = "no-heartbeat"
    """No control but a fault: leases are not renewed. The promise must hold all the same."""


_LATE = 0.3
FENCED = ("complete", "complete_one", "settle", "renew")


Patch = Callable[[Any, str, Any], None]
"""Puts an attribute in place of another: for good, or (pytest's) until the test ends."""


def replace(owner: Any, name: str, value: Any) -> None:
    """For good. A misspelt name must not pass for one."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner.__name__} has no {name} to be replaced")
    setattr(owner, name, value)


def install(controls: Sequence[Control], patch: Patch = replace) -> None:
    """Make this process wrong."""
    for control in controls:
        make_wrong: Callable[[Patch], None] = {
            Control.NO_FENCE: _no_fence,
            Control.EFFECTS_FIRST: _effects_first,
            Control.ANSWER_FIRST: _answer_first,
            Control.NO_DEDUPE: _no_dedupe,
            Control.ACKNOWLEDGE_FIRST: _acknowledge_first,
            Control.OFFSET_OUTSIDE: _offset_outside,
            Control.CHILDREN_STAY: _children_stay,
            Control.NO_HEARTBEAT: _no_heartbeat,
        }[control]
        make_wrong(patch)


def without_fence(statement: Statement) -> Statement:
    """The statement with every test of fence and state made true. Raises ValueError if none was found, or one left."""
    fence = re.compile(r"((?:\w+\.)?fence = (?:\$\d+::bigint|:fence|%\(fence\)s|v\.fence|v\.value ->> 1))")
    state = re.compile(r"((?:\w+\.)?statusid = 2)")
    # Where a statement takes several texts, some rest upon what the one before has found.
    testing = [text for text in statement.texts if "fence = " in text]
    if not testing or not all(fence.search(text) and state.search(text) for text in testing):
        raise ValueError(f"{statement.name} has no fence to be removed")
    texts = [state.sub(r"(\1 OR TRUE)", fence.sub(r"(\1 OR TRUE)", text)) for text in statement.texts]
    return msgspec.structs.replace(statement, texts=tuple(texts))


def _no_fence(patch: Patch) -> None:
    load = vars(store)["load"]

    def load_without(package: str, dialect: str, name: str) -> Statement:
        statement = load(package, dialect, name)
        return without_fence(statement) if name in FENCED else statement

    patch(store, "load", load_without)


def _effects_first(patch: Patch) -> None:
    # A trap that lies around COMMIT must not take this one for the job's.
    execute: Any = asyncpg.Connection.execute
    send, commit = PostgresJobTransaction._send, WriteHold.commit
    together, block = PostgresJobTransaction.commit_all, MysqlJobTransaction._send_block
    together_on_mariadb, apart = MysqlJobTransaction.commit_all, MysqlJobTransaction._send_apart

    async def send_later(self: PostgresJobTransaction, slot: JobSlot, statement: Statement, row: Sequence[Any]) -> bool:
        await execute(slot.driver, "COMMIT")
        await execute(slot.driver, "BEGIN")
        return await send(self, slot, statement, row)

    async def commit_later(self: WriteHold, work: Work[bool]) -> bool:
        def commit_effects(connection: sqlite3.Connection) -> None:
            connection.execute("COMMIT")
            connection.execute("BEGIN IMMEDIATE")

        await self.execute(commit_effects)
        return await commit(self, work)

    async def together_later(self: PostgresJobTransaction, statement: Statement, rows: Rows, /, **scalars: Any) -> bool:
        slot = await self._ensure()
        await execute(slot.driver, "COMMIT")
        await execute(slot.driver, "BEGIN")
        return await together(self, statement, rows, **scalars)

    async def block_later(self: MysqlJobTransaction, slot: MysqlSlot, texts: Sequence[str]) -> bool:
        await slot.driver.commit()
        await slot.driver.begin()
        return await block(self, slot, texts)

    async def apart_later(self: MysqlJobTransaction, slot: MysqlSlot, texts: Sequence[str]) -> bool:
        await slot.driver.commit()
        await slot.driver.begin()
        return await apart(self, slot, texts)

    async def together_later_on_mariadb(
        self: MysqlJobTransaction, statement: Statement, rows: Rows, /, **scalars: Any
    ) -> bool:
        slot = await self._ensure()
        await slot.driver.commit()
        await slot.driver.begin()
        return await together_on_mariadb(self, statement, rows, **scalars)

    patch(PostgresJobTransaction, "_send", send_later)
    patch(PostgresJobTransaction, "commit_all", together_later)
    patch(MysqlJobTransaction, "_send_block", block_later)
    patch(MysqlJobTransaction, "_send_apart", apart_later)
    patch(MysqlJobTransaction, "commit_all", together_later_on_mariadb)
    patch(WriteHold, "commit", commit_later)


def _answer_first(patch: Patch) -> None:
    enqueue = GroupCommit.enqueue
    under_way: set[asyncio.Task[Enqueued]] = set()

    async def late(self: GroupCommit, job: NewJob) -> Enqueued:
        await asyncio.sleep(_LATE)  # its sender has heard it by then
        return await enqueue(self, job)

    async def enqueue_later(self: GroupCommit, job: NewJob) -> Enqueued:
        task = asyncio.get_running_loop().create_task(late(self, job))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return Enqueued(job.id)

    patch(GroupCommit, "enqueue", enqueue_later)


def _no_dedupe(patch: Patch) -> None:
    enqueue = GroupCommit.enqueue

    async def enqueue_anew(self: GroupCommit, job: NewJob) -> Enqueued:
        return await enqueue(self, msgspec.structs.replace(job, dedupekey=None))

    patch(GroupCommit, "enqueue", enqueue_anew)


def _acknowledge_first(patch: Patch) -> None:
    from hub.ingest.pump import Pump
    from hub.ports import Delivery, Source

    async def take_late(self: Pump, source: Source, delivery: Delivery) -> None:
        await source.acknowledge(delivery)
        await asyncio.sleep(_LATE)  # the broker has heard it by then
        await self._committed(self._inbox.prepare(delivery))

    patch(Pump, "_take", take_late)


def _offset_outside(patch: Patch) -> None:
    from hub.ingest.inbox import Batch, Behind, Inbox, Taken
    from hub.ports import Delivery

    insert = Inbox._insert

    async def insert_without(self: Inbox, batch: Batch) -> Taken | Behind:
        bare = Batch(Delivery(batch.delivery.messages, batch.delivery.token), batch.pairs)
        bare.in_doubt = batch.in_doubt
        return await insert(self, bare)

    patch(Inbox, "_insert", insert_without)


def _children_stay(patch: Patch) -> None:
    from hub.handlers import pool

    program = pool._PROGRAM.replace("from hub.handlers.pool_child import", "from tests.faults.stray import")
    patch(pool, "_PROGRAM", program)


def _no_heartbeat(patch: Patch) -> None:
    patch(Heartbeat, "_due", lambda self: [])
