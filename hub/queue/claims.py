"""How jobs are taken: one statement a claim, and where to go on when the way to the first row is long.

Invariant: what a claim answers is this instance's until its lease ends; order is priority, then arrival, and within an
ordering key arrival alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from time import monotonic
from typing import Any

import msgspec

from hub.db.statement import load
from hub.model import Claim
from hub.ports import Database, Defaults, Row
from hub.queue.floors import Floors


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` names this instance in leases and histories; `lease` in seconds; `history_input` in characters, 0 = off.

    `run` is how many jobs of one ordering key a claim may take at once.
    """

    owner: str
    lease: float = 30.0
    max_retries: int = 3
    max_crashes: int = 2
    history_input: int = 65536
    run: int = 50


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
        self._floors: defaultdict[str, Floors] = defaultdict(Floors)

    async def claim(self, queue: str, limit: int) -> Claimed:
        """Take up to `limit` jobs of a queue ('' = rows that name none), and the rest of their keys' runs."""
        floors = self._floors[queue]
        rows = await self._rows(queue, limit, floors)
        if floors.wanted and len(rows) < limit:  # something may lie below them
            rows += await self._rows(queue, limit - len(rows), None)
        taken = _in_order([row for row in rows if row[0]])
        return Claimed([Claim(*row[2:]) for row in taken], len(rows))

    async def _rows(self, queue: str, limit: int, floors: Floors | None) -> list[Row]:
        settings = self._settings
        scalars: dict[str, Any] = {}
        if self._heads is not None:
            scalars["priorities"], scalars["floors"] = await self._places(queue, floors)
        began = monotonic()
        rows = await self._database.run(
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
        if self._heads is not None and floors is not None:
            now = monotonic()
            floors.claimed(_met(rows), full=len(rows) >= limit, now=now, took=now - began)
        return list(rows)

    async def _places(self, queue: str, floors: Floors | None) -> tuple[list[int] | None, list[int] | None]:
        """Priorities and floors for a claim, asked for anew when they are due; (None, None): it goes without."""
        if floors is None or self._heads is None:
            return None, None
        if floors.stale(began := monotonic()):
            heads = await self._database.run(self._heads, queue=queue)
            now = monotonic()
            floors.learn(((row[0], row[1]) for row in heads), now, now - began)
        return floors.arrays()


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
