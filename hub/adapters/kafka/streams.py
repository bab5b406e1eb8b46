"""The name of a partition for good, and where reading goes on in it.

Invariant: pure. Reading never begins behind messages that the database does not know of without saying so: whatever was
passed over is named, and what cannot be told apart is read again rather than left out.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

GENERATIONS: Final = 8
"""How many generations of a partition the database is asked about."""

_LIMIT: Final = 255


class Place(msgspec.Struct, frozen=True):
    """Where to go on: `position` in the stream of that generation. `alarm` says what was lost, None for nothing."""

    position: int
    generation: int = 0
    alarm: str | None = None


def stream_name(cluster: str, group: str, topic: str, topic_id: str | None, partition: int, generation: int = 0) -> str:
    """`cluster/group/topic/id/partition`, at most 255 characters; another generation has `~n` behind its id.

    The id is what tells a topic from one of that name before it. Where the broker has none, and where a partition lost
    its end, a generation does.
    """
    incarnation = f"{topic_id or '-'}{f'~{generation}' if generation else ''}"
    name = f"{cluster}/{group}/{topic}/{incarnation}/{partition}"
    if len(name) <= _LIMIT and name.isascii():
        return name
    digest = hashlib.sha256(f"{group}/{topic}".encode()).hexdigest()
    return f"{cluster[:100]}/{digest}/{incarnation}/{partition}"


def place(where: str, *, stored: int | None, committed: int | None, begin: int, end: int, generation: int = 0) -> Place:
    """Where reading goes on.

    `stored` is the database's position in this generation, `committed` the group's (asked only where the database knows
    nothing); both None: nobody ever read it, and it is read from its beginning. `begin` and `end` are the broker's.
    """
    known = stored if stored is not None else committed
    if known is None:
        return Place(begin, generation)
    if known > end:
        newer = generation if stored is None else generation + 1
        return Place(
            begin,
            newer,
            f"{where} ends at offset {end}, before {known}, up to which it had been read: the topic was made anew, or "
            f"the broker lost its end; it is read from its beginning ({begin}) as a new stream",
        )
    if known < begin:
        return Place(
            begin,
            generation,
            f"{where}: offsets {known} to {begin - 1} are gone at the broker and were never read (retention, or "
            f"records were deleted); reading goes on at {begin}",
        )
    return Place(known, generation)
