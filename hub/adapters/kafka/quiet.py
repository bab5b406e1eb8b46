"""The moments in which the topics of a consumer may be changed.

Invariant: aiokafka's fetching task is never woken for partitions that a change of topics has taken away in the same
turn of the loop. It ends then, for good and in silence: the membership lives on and gets nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any


async def quiet(consumer: Any) -> None:
    """Wait until the fetching task has seen the partitions that were given last. Returns without giving up the loop
    after it has looked: what follows at once is in time."""
    seen: object = quiet  # what is no assignment: one look is never enough
    while (given := _given(consumer)) is not seen:
        seen = given
        # Who was woken before this point runs first. What is given in this turn, before us, is another object.
        await asyncio.sleep(0)


def _given(consumer: Any) -> object:
    subscription = consumer._subscription.subscription
    return None if subscription is None else subscription.assignment
