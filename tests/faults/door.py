"""A whole hub behind its HTTP port, and senders that say each message until it is accepted.

Invariant: the address stays the same, whichever process is behind it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.faults.campaign import SETTLING, Campaign, Tally
from tests.faults.controls import Control
from tests.faults.handlers import EFFECTFUL, EMPTY
from tests.faults.insistent import AT_ONCE
from tests.faults.ledger import Ledger
from tests.faults.points import GROUPED, Point
from tests.faults.process import Victim
from tests.faults.senders import send
from tests.faults.waiting import until_async
from tests.servers import free_port

ROUTES = {"effects": EFFECTFUL, "empties": EMPTY}
SOCKETS = {"live": "signalr", "browser": "socketio"}

Send = Callable[[str, Ledger, int, Sequence[str]], Coroutine[Any, Any, None]]
Plan = tuple[Point | None, int]
"""Where a hub is killed, and at which passing; with None it is not."""
Beside = Callable[[], Coroutine[Any, Any, None]]
"""What happens to others in each hub's life, before its trap is set."""


class Door:
    """`run` kills one hub after another while senders are at work; `send` are they."""

    def __init__(self, campaign: Campaign, folder: Path, send: Send = send) -> None:
        port = free_port()
        self.campaign = campaign
        self._send = send
        self.address = f"http://127.0.0.1:{port}"
        self._folder = folder
        self.configuration = folder / "configuration.json"
        self.configuration.write_text(json.dumps(_configuration(campaign, port)))

    def hub(
        self, *, point: Point | None = None, at: int = 1, control: Sequence[Control] = (), waits: bool = False
    ) -> Victim:
        """One process of it."""
        return self.campaign.victim(point=point, at=at, control=control, hub=self.configuration, waits=waits)

    def random_plans(self, points: Sequence[Point], *, kills: int, a_life: int) -> Iterator[Plan]:
        """One of the points after another, each at a random passing among `a_life` messages; in the end none."""
        for point in itertools.islice(itertools.cycle(points), kills):
            yield point, self.campaign.random.randint(1, max(6, a_life // AT_ONCE) if point in GROUPED else a_life)
        yield None, 1

    async def run(
        self,
        messages: int,
        plans: Iterable[Plan],
        *,
        control: Sequence[Control] = (),
        beside: Beside | None = None,
        held: int = 0,
    ) -> Tally:
        """Until every message is accepted and every job has ended; the oracle's verdict.

        `held`: so many of the messages are not said before a hub's trap is set: it has some to meet, however fast the
        others went.
        """
        lives = list(plans)
        kills = len(lives) - 1
        sending = [self._sending(messages - held * kills)]
        try:
            for point, at in lives:
                with self.hub(point=point, at=at, control=control, waits=beside is not None) as hub:
                    if beside is not None:
                        await self._unless_senders_fail(beside, sending, hub)
                        hub.arm()
                        if held and point is not None:
                            sending.append(self._sending(held))
                    await self._until_dead_or_done(hub, sending)
                    if hub.alive and not hub.landed and await asyncio.to_thread(self.campaign.ends_orderly, hub):
                        break
                    await asyncio.to_thread(hub.killed)
                    self.campaign.count(hub)
            await asyncio.gather(*sending)
        finally:
            for one in sending:
                one.cancel()
        return await asyncio.to_thread(self.campaign.settle)

    def _sending(self, messages: int) -> asyncio.Task[None]:
        return asyncio.create_task(self._send(self.address, self.campaign.ledger, messages, list(ROUTES)))

    async def _unless_senders_fail(self, beside: Beside, sending: Sequence[asyncio.Task[None]], hub: Victim) -> None:
        """What failed with the senders must not look as if nothing were accepted."""
        happening = asyncio.ensure_future(beside())
        try:
            waited = [happening, *(one for one in sending if not one.done())]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for one in sending:
                if one.done():
                    one.result()
            await happening
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{hub.output()[-4000:]}") from None
        finally:
            happening.cancel()

    async def _until_dead_or_done(self, hub: Victim, sending: Sequence[asyncio.Task[None]]) -> None:
        def dead_or_done() -> bool:
            said = all(one.done() for one in sending)
            return not hub.alive or (said and self.campaign.outside.unsettled() == 0)

        await until_async(dead_or_done, SETTLING, lambda: f"neither killed nor done\n{hub.output()[-4000:]}")


def _configuration(campaign: Campaign, port: int) -> dict[str, object]:
    return {
        "database": {"url": campaign.outside.url},
        "http": {"host": "127.0.0.1", "port": port},
        "jobs": {
            "enabled": True,
            "workers": 10,
            "lease": f"{campaign.work.lease}s",
            "poll_interval": 0.2,
            "max_crashes": 1000,
            "shutdown_timeout": "10s",
        },
        "handlers": ["tests.faults.handlers"],
        "adapters": {"web": {"type": "http"}, **{name: {"type": kind} for name, kind in SOCKETS.items()}},
        "routes": [
            {"name": name, "from": "web", "handler": handler, "dedupe_key": "payload.id"}
            for name, handler in ROUTES.items()
        ]
        + [
            {"name": f"{socket}-{name}", "from": socket, "topic": name, "handler": handler, "dedupe_key": "payload.id"}
            for socket in SOCKETS
            for name, handler in ROUTES.items()
        ],
    }
