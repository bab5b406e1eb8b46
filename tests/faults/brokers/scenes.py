"""The sieges by name: what is tested in short, and reported in long.

Invariant: a control differs from its siege in nothing but the one thing that is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.faults.brokers.line import Line, line_of
from tests.faults.brokers.members import Members
from tests.faults.brokers.sender import KEYS
from tests.faults.brokers.siege import BROKER, DATABASE, Fault, Siege
from tests.faults.campaign import Campaign, Tally
from tests.faults.controls import Control
from tests.faults.points import Point
from tests.servers import Service

KINDS: Final = ("kafka", "mqtt", "hivemq", "activemq")
HUB: Final = (Point.BEFORE_TAKE_IN, Point.BEFORE_ACKNOWLEDGE, Point.MID_HANDLER)
IN_SHORT: Final[Sequence[Fault]] = (HUB[0], BROKER, DATABASE, HUB[1])
IN_LONG: Final[Sequence[Fault]] = (BROKER, HUB[0], BROKER, HUB[1], DATABASE, BROKER, HUB[2])
OUT_SHORT: Final[Sequence[Fault]] = (BROKER,)
OUT_LONG: Final[Sequence[Fault]] = (BROKER, HUB[2], BROKER, DATABASE, BROKER)
QUIET: Final = 3.0
"""Seconds after which a control that has lost something is not waited for any longer."""


class Wrong(NamedTuple):
    """A control: what is made wrong, where the hub is killed, and what the oracle must say (`lost`, `duplicates`, or
    an invariant)."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    faults: Sequence[Fault]
    breaks: str


CONTROLS: Final = (
    Wrong("offset outside the transaction", "kafka", {"control": [Control.OFFSET_OUTSIDE]}, HUB[1:2], "duplicates"),
    Wrong("acknowledged before the commit", "kafka", {"control": [Control.ACKNOWLEDGE_FIRST]}, HUB[:1], "I7"),
    Wrong("acknowledged before the commit", "mqtt", {"control": [Control.ACKNOWLEDGE_FIRST]}, HUB[:1], "lost"),
    Wrong("acknowledged before the commit", "activemq", {"control": [Control.ACKNOWLEDGE_FIRST]}, HUB[:1], "lost"),
    Wrong("no dedupe key", "mqtt", {"deduped": False}, HUB[1:2], "duplicates"),
    Wrong("no dedupe key", "activemq", {"deduped": False}, HUB[1:2], "duplicates"),
)


def besiege(
    campaign: Campaign,
    folder: Path,
    line: Line,
    count: int,
    faults: Sequence[Fault],
    *,
    database: Service | None = None,
    pause: float = 0.1,
    **settings: Any,
) -> Tally:
    """The whole siege, blocking. It starts the broker, which still runs afterwards."""
    wanted = [fault for fault in faults if fault != DATABASE or database is not None]
    siege = Siege(line, campaign, folder, database=database, **settings)
    return asyncio.run(siege.run(count, wanted, pause=pause))


def long(
    broker: Service, campaign: Campaign, folder: Path, count: int, database: Service | None, *, forwards: bool = False
) -> Tally:
    """Three kills of the broker, up to three of the hub and one of the database, spread over at least half a minute."""
    faults = OUT_LONG if forwards else IN_LONG
    pause = 30.0 * KEYS / count
    return besiege(campaign, folder, line_of(broker), count, faults, database=database, pause=pause, forwards=forwards)


def members(kafka: Service, campaign: Campaign, folder: Path, count: int, seconds: float) -> Tally:
    """Members of a Kafka group that come and go while so many messages are sent in so many seconds."""
    return asyncio.run(Members(line_of(kafka), campaign, folder).run(count, (), pause=seconds * KEYS / count))


def wrong(control: Wrong, broker: Service, campaign: Campaign, folder: Path, count: int) -> Tally:
    """One that must fail."""
    return besiege(campaign, folder, line_of(broker), count, control.faults, quiet=QUIET, **control.settings)
