"""A way out of the hub: an adapter that sends, behind its circuit.

Invariant: a message that cannot be tried now comes back later without using up an attempt; an attempt is used only by
what was sent and got no receipt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from hub.clock import Clock
from hub.errors import Permanent, Snooze, Transient
from hub.handlers.circuit import Admission, Circuit
from hub.model import Outgoing
from hub.telemetry import get_logger

_log = get_logger("hub.outbound")
_SHORTEST: Final = 0.5
_LONGEST: Final = 15.0


class Sending(Protocol):
    """What sends: a sink, a listener, a destination."""

    async def send(self, message: Outgoing, /) -> object: ...


class Outlet:
    """`ready` answers whether the adapter is connected; None: it sends without."""

    def __init__(
        self,
        sink: Sending,
        clock: Clock,
        ready: Callable[[], bool] | None = None,
        circuit: Circuit | None = None,
    ) -> None:
        self.circuit = circuit or Circuit()
        self.on_rest: Callable[[str], None] = lambda reason: None
        """Told why, when it begins to rest."""
        self._receipts = 0
        self._sink = sink
        self._clock = clock
        self._ready = ready
        self._away_since: float | None = None

    def receipts(self) -> int:
        """How many messages were sent."""
        return self._receipts

    def resting(self) -> bool:
        """Whether nothing is sent for now, after failures in a row."""
        return self.circuit.state == "open"

    async def send(self, message: Outgoing) -> object:
        """Returns on the receipt, with the receiver's own answer if there is one.

        Raises Snooze while nothing can be sent, Transient and Permanent as the adapter."""
        return await self.attempt(message.to, lambda: self._sink.send(message))

    async def attempt(self, name: str, send: Callable[[], Awaitable[object]]) -> object:
        """Whatever else goes to the same place, called `name`, behind the same circuit. Raises as `send`."""
        self._require_ready(name)
        admission = self.circuit.admit(self._clock.monotonic())
        if admission.wait:
            raise Snooze(self._jittered(admission.wait), f"{name} has failed again and again; it rests")
        try:
            answer = await send()
        except Permanent:
            self._succeeded(name)  # refused by somebody who is there
            raise
        except (Exception, asyncio.CancelledError) as error:
            self._failed(name, admission, error)
            if admission.probe and isinstance(error, Transient):
                raise Snooze(self._jittered(1.0), str(error)) from error
            raise
        self._succeeded(name)
        self._receipts += 1
        return answer

    def _succeeded(self, name: str) -> None:
        if self.resting():
            _log.info("it is sent to again", to=name)
        self.circuit.succeeded()

    def _failed(self, name: str, admission: Admission, error: BaseException) -> None:
        rested = self.resting()
        self.circuit.failed(self._clock.monotonic(), admission)
        if self.resting() and not rested:
            reason = str(error) or type(error).__name__
            _log.warning("it rests after failures in a row", to=name, reason=reason)
            self.on_rest(reason)

    def _require_ready(self, name: str) -> None:
        if self._ready is None or self._ready():
            self._away_since = None
            return
        now = self._clock.monotonic()
        if self._away_since is None:
            self._away_since = now
        # The longer it is away the less often each waiting message is looked at.
        pause = min(_LONGEST, max(_SHORTEST, now - self._away_since))
        raise Snooze(self._jittered(pause), f"{name} is not connected")

    def _jittered(self, seconds: float) -> float:
        return seconds * (0.75 + 0.5 * self._clock.random())
