"""What the oracle has to say of brokers: order per key, the broker's cursor, what was sent out, and growth.

Invariant: pure, like `tests.faults.oracle`, whose invariants these go on with. I7 the broker's committed offset is at
no moment ahead of the database's · I8 the effects of a key are in its order · I9 memory and descriptors stay bounded ·
OUT each outbound row is at the broker at least once, always with the same id and the same body.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.conformance.adapters.broker import Produced
from tests.faults.brokers.sender import key_of, number_of

ID_HEADER = "hub-message-id"
_MEMORY = 256 * 2**20
_DESCRIPTORS = 48


@dataclass(frozen=True)
class Size:
    """A process: resident bytes and open descriptors."""

    memory: int
    descriptors: int


def out_of_order(effects: Sequence[str]) -> Iterator[str]:
    """`effects` are the messages' ids in the order in which they took effect; one that took effect twice counts by its
    first."""
    last: dict[str, str] = {}
    for id in dict.fromkeys(effects):
        before = last.get(key_of(id))
        if before is not None and number_of(before) > number_of(id):
            yield f"I8 {id} after {before}, of the same key"
        else:
            last[key_of(id)] = id


def ahead(told: Mapping[int, int], kept: Mapping[int, int]) -> Iterator[str]:
    """Partition → offset, at the broker, and in the database a moment later."""
    for partition, offset in told.items():
        if offset > kept.get(partition, 0):
            yield f"I7 partition {partition}: the broker is told {offset}, the database has {kept.get(partition, 0)}"


def grown(before: Size, after: Size) -> Iterator[str]:
    """A hub when it was connected, and when it had done its work."""
    if after.memory - before.memory > _MEMORY:
        yield f"I9 memory grew from {before.memory >> 20} to {after.memory >> 20} MiB"
    if after.descriptors - before.descriptors > _DESCRIPTORS:
        yield f"I9 open descriptors grew from {before.descriptors} to {after.descriptors}"


def sent_out(rows: Mapping[str, str], found: Sequence[Produced]) -> Iterator[str]:
    """`rows`: the id of each outbound row → the message that it passes on; `found`: what is at the broker."""
    bodies: defaultdict[str, set[str]] = defaultdict(set)
    for one in found:
        bodies[one.headers.get(ID_HEADER, "")].add(json.loads(one.body)["of"])
    for id, of in rows.items():
        if id not in bodies:
            yield f"OUT lost: {id} (of {of})"
    for id, different in bodies.items():
        if different != {rows.get(id)}:
            yield f"OUT {id!r} holds {sorted(different)} instead of {rows.get(id)}"
    yield from (f"OUT {text}" for text in out_of_order([json.loads(one.body)["of"] for one in found]))


def repeated(found: Sequence[Produced]) -> int:
    """How many messages are at the broker more than once: allowed, as their ids tell."""
    return sum(times - 1 for times in Counter(one.headers.get(ID_HEADER) for one in found).values())
