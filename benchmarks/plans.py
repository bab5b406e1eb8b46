"""How the server runs the hub's hot statements on a large table: EXPLAIN (ANALYZE, BUFFERS), generic and custom plan.

Invariant: the statements are those of the hub's own files, and what they did is rolled back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec

from hub.db.statement import load
from hub.ports import Statement

_CLAIM = {
    "queue": "'default'",
    "limit": "200",
    "run": "49",
    "owner": "'plans'",
    "lease": "30",
    "max_retries": "3",
    "queues": "'{}'",
    "retries": "'{}'",
    "priorities": "NULL",
    "floors": "NULL",
}
_PROCESSING = "SELECT array_agg(id), array_agg(fence) FROM queue_jobs WHERE statusid = 2 AND leaseowner = 'plans'"


_TIME = re.compile(r"^Execution Time: ([\d.]+)", re.MULTILINE)
_BUFFERS = re.compile(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")
_WHOLE = re.compile(r"Seq Scan on (\w+)(?!.*never executed)")


class Plan(msgspec.Struct, frozen=True):
    """`text` as EXPLAIN prints it; `whole_tables` names tables that were read from end to end."""

    statement: str
    kind: str
    text: str
    milliseconds: float
    buffers: int
    whole_tables: list[str]

    @property
    def summary(self) -> str:
        scans = f", reads all of {', '.join(self.whole_tables)}" if self.whole_tables else ""
        return f"{self.statement}, {self.kind} plan: {self.milliseconds:.1f} ms, {self.buffers:,} buffers{scans}"


def plans(url: str) -> list[Plan]:
    """The plans of a claim of 200 and of the completion of what it took."""
    return asyncio.run(_plans(url))


async def _plans(url: str) -> list[Plan]:
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    claim, complete = (load("hub.queue", "postgresql", name) for name in ("claim", "complete"))
    found = []
    for kind in ("generic", "custom"):
        await connection.execute(f"SET plan_cache_mode = force_{kind}_plan")
        transaction = connection.transaction()
        await transaction.start()
        found.append(await _explained(connection, claim, kind, _CLAIM))
        found.append(await _explained(connection, complete, kind, await _completion(connection)))
        await transaction.rollback()
    await connection.close()
    return found


async def _completion(connection: asyncpg.Connection[Any]) -> dict[str, str]:
    """Literal arguments that complete every job claimed in this transaction."""
    ids, fences = await connection.fetchrow(_PROCESSING)
    count = len(ids or ())
    return {
        "id": _array(f"'{one}'" for one in ids or ()),
        "fence": _array(map(str, fences or ())),
        "result": f"array_fill(NULL::text, ARRAY[{count}])",
        "executionid": _array(f"'plan-{number}'" for number in range(count)),
        "duration": f"array_fill(1::bigint, ARRAY[{count}])",
        "attempt": f"array_fill(0, ARRAY[{count}])",
        "executedby": "'plans'",
        "history_input": "65536",
    }


async def _explained(
    connection: asyncpg.Connection[Any], statement: Statement, kind: str, values: dict[str, str]
) -> Plan:
    name = f"plan_{statement.name}_{kind}"
    await connection.execute(f"PREPARE {name} AS {statement.texts[0]}")
    explain = f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE {name}({', '.join(values[one] for one in statement.order)})"
    # once for nothing, so that pages which nobody has read yet do not tell in the plan
    rehearsal = connection.transaction()
    await rehearsal.start()
    await connection.fetch(explain)
    await rehearsal.rollback()
    text = "\n".join(row[0] for row in await connection.fetch(explain))
    buffers = _BUFFERS.search(text)
    return Plan(
        statement=statement.name,
        kind=kind,
        text=text,
        milliseconds=float(_TIME.findall(text)[0]),
        buffers=sum(int(count or 0) for count in buffers.groups()) if buffers else 0,
        whole_tables=sorted(set(_WHOLE.findall(text))),
    )


def _array(items: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(items)}]"
