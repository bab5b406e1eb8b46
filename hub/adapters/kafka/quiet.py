"""The moments in which the topics of a consumer may be changed.

Invariant: aiokafka's fetching task is never woken for partitions that a change of topics has taken away in the same
turn of the loop. It ends then, for good and in silence: the membership lives on and gets nothing. Nor does the group
wait, after a change, until the metadata of the new topics would have been asked for anyway.
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


def hasten(consumer: Any) -> None:
    """Let aiokafka ask for the metadata of topics that were changed just now. It forgets to when it is waiting for its
    regular answer in this moment: that one knows nothing of them, and the group would wait for the next."""
    waiter = consumer._client._md_update_waiter
    if not waiter.done():
        waiter.set_result(None)


def _given(consumer: Any) -> object:
    subscription = consumer._subscription.subscription
    return None if subscription is None else subscription.assignment
