"""How jobs are taken: one statement a claim, and where to go on when the way to the first row is long.

Invariant: what a claim answers is this instance's until its lease ends; order is priority, then arrival, and within an
ordering key arrival alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

import msgspec

from hub.db.statement import load
from hub.model import Claim
from hub.ports import Database, Defaults, Row
from hub.queue.ageing import SHARE, Ageing, Head
from hub.queue.floors import Floors

_HIGHEST = 2**63 - 1  # what a row inserted by SQL may hold: SQLite has one size of integers


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` names this instance in leases and histories; `lease` in seconds; `history_input` in characters, 0 = off.

    `run` is how many jobs of one ordering key a claim may take at once. `ageing`: queue → seconds for which a waiting
    job gains one priority; rows that name no queue age as those of 'default'.
    """

    owner: str
    lease: float = 30.0
    max_retries: int = 3
    max_crashes: int = 2
    history_input: int = 65536
    run: int = 50
    ageing: Mapping[str, float] = {}


class Claimed(msgspec.Struct, frozen=True):
    """The jobs a claim took, in the order in which they are to run; `met` counts the rows it looked at."""

    claims: list[Claim]
    met: int


class Claims:
    """Claims for the queues of one instance. Raises the database's errors as hub.errors has them."""

    def __init__(self, database: Database, settings: StoreSettings, defaults: Defaults) -> None:
        self._database = database
        self._settings = settings
        encode = msgspec.json.Encoder().encode
        self._queues = encode(dict(defaults.queues())).decode()
        self._retries = encode(dict(defaults.max_retries())).decode()
        self._claim = load("hub.queue", database.dialect, "claim")
        # The other databases clean their indexes up as they are read, or have one writer alone.
        self._heads = load("hub.queue", database.dialect, "heads") if "floors" in self._claim.scalars else None
        self._floors: dict[str, Floors] = {}  # of queues in which the way is long
        self._aged = load("hub.queue", database.dialect, "aged")
        self._ageing: dict[str, Ageing] = {}
        self.age(settings.ageing)

    def age(self, spans: Mapping[str, float]) -> None:
        """Let the jobs of these queues age from now on (queue → seconds), and those of no other."""
        spans = {**spans, **({"": spans["default"]} if "default" in spans else {})}
        known = self._ageing
        self._ageing = {
            queue: known[queue] if queue in known and known[queue].span == span else Ageing(span)
            for queue, span in spans.items()
        }

    async def claim(self, queue: str, limit: int) -> Claimed:
        """Take up to `limit` jobs of a queue ('' = rows that name none), and the rest of their keys' runs."""
        ageing = self._ageing.get(queue)
        if ageing is None:
            return await self._claim_plainly(queue, limit)
        if ageing.stale(began := monotonic()):
            heads = await self._database.run(self._aged, queue=queue)
            now = monotonic()
            ageing.learn((Head(row[0], row[1], float(row[2])) for row in heads), now, now - began)
        if ageing.first is None:
            return await self._claim_plainly(queue, limit)
        aged = await self._claim_from(queue, max(1, limit // SHARE), ageing.first)
        if (left := limit - aged.met) <= 0:
            return aged
        rest = await self._claim_plainly(queue, left)
        return Claimed(aged.claims + rest.claims, aged.met + rest.met)

    async def _claim_from(self, queue: str, limit: int, head: Head) -> Claimed:
        """Begin with the priority of `head`, whatever waits above it."""
        if self._heads is not None:
            scalars: dict[str, Any] = {"priorities": [head.priority], "floors": [head.place]}
        else:
            scalars = {"ceiling": head.priority}
        return _claimed(await self._run(queue, limit, scalars))

    async def _claim_plainly(self, queue: str, limit: int) -> Claimed:
        floors = self._floors.get(queue) or Floors()
        by_floors = floors.wanted
        rows = await self._rows(queue, limit, floors)
        if floors.wanted:
            self._floors[queue] = floors
        elif by_floors:
            self._floors.pop(queue, None)
        if by_floors and len(rows) < limit:  # something may lie below them
            rows += await self._rows(queue, limit - len(rows), None)
        return _claimed(rows)

    async def _rows(self, queue: str, limit: int, floors: Floors | None) -> list[Row]:
        scalars: dict[str, Any] = {"ceiling": _HIGHEST}
        if self._heads is not None:
            priorities, places = await self._places(queue, floors)
            scalars = {"priorities": priorities, "floors": places}
        began = monotonic()
        rows = await self._run(queue, limit, scalars)
        if self._heads is not None and floors is not None:
            now = monotonic()
            floors.claimed(_met(rows), full=len(rows) >= limit, now=now, took=now - began)
        return list(rows)

    async def _run(self, queue: str, limit: int, scalars: dict[str, Any]) -> list[Row]:
        settings = self._settings
        return await self._database.run(
            self._claim,
            queue=queue,
            limit=limit,
            run=settings.run - 1,
            owner=settings.owner,
            lease=settings.lease,
            max_retries=settings.max_retries,
            queues=self._queues,
            retries=self._retries,
            **scalars,
        )

    async def _places(self, queue: str, floors: Floors | None) -> tuple[list[int] | None, list[int] | None]:
        """Priorities and floors for a claim, asked for anew when they are due; (None, None): it goes without."""
        if floors is None or self._heads is None:
            return None, None
        if floors.stale(began := monotonic()):
            heads = await self._database.run(self._heads, queue=queue)
            now = monotonic()
            floors.learn(((row[0], row[1]) for row in heads), now, now - began)
        return floors.arrays()


def _claimed(rows: list[Row]) -> Claimed:
    return Claimed([Claim(*row[2:]) for row in _in_order([row for row in rows if row[0]])], len(rows))


def _met(rows: Iterable[Any]) -> list[tuple[int, int]]:
    """(priority, place) of what a claim came across in the index. The followers of a key's first row were fetched from
    further on: they are not among it."""
    found = []
    keys: dict[str, Any] = {}
    for row in rows:
        key = row["orderingkey"]
        if key is None or not row["take"]:
            found.append((row["priority"], row["seq"]))
        elif key not in keys or row["seq"] < keys[key]["seq"]:
            keys[key] = row
    return found + [(row["priority"], row["seq"]) for row in keys.values()]


def _in_order(rows: list[Any]) -> list[Any]:
    """RETURNING has no order of its own: priority, then arrival; within a key arrival alone, at its head's place."""
    heads: dict[str, Any] = {}
    for row in rows:
        key = row["orderingkey"]
        if key is not None and (key not in heads or row["seq"] < heads[key]["seq"]):
            heads[key] = row

    def rank(row: Any) -> tuple[int, int, int]:
        head = heads.get(row["orderingkey"], row)
        return -head["priority"], head["seq"], row["seq"]

    return sorted(rows, key=rank)


def in_runs(claims: Iterable[Claim]) -> list[list[Claim]]:
    """Group claims into runs: the jobs of one ordering key one after another, any other job by itself."""
    runs: list[list[Claim]] = []
    of_key: dict[str, list[Claim]] = {}
    for claim in claims:
        key = claim.orderingkey
        if key is None:
            runs.append([claim])
        elif key in of_key:
            of_key[key].append(claim)
        else:
            of_key[key] = run = [claim]
            runs.append(run)
    return runs
