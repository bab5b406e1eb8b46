"""What an operator sees of an adapter: its state, its last error, its counts.

Invariant: one line in the log for each change of state, none for an attempt that changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from hub.errors import HubError
from hub.telemetry import get_logger

State = Literal["connecting", "connected", "paused", "waiting", "stopped"]
"""`paused`: connected, but what was read waits for the database or for room. `waiting`: for the lease."""

_log = get_logger("hub.adapters")
_EXPECTED: Final = (HubError, OSError, TimeoutError)
_ERROR_LIMIT: Final = 500


class AdapterState:
    """Counts are of this process, since it started."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.state: State = "stopped"
        self.last_error: str | None = None
        self.in_flight = 0
        self.received = 0
        self.quarantined = 0
        self.reconnects = 0
        self.topics: Sequence[str] = ()
        """What is subscribed to now."""
        self.published: Callable[[], int] = lambda: 0
        self.lag: Callable[[], Mapping[str, int]] = dict
        self.clients: Callable[[], int] | None = None
        """How many are connected now, where clients come to the hub."""
        self._connections = 0
        self._logged: str | None = None

    def become(self, state: State, reason: str | None = None) -> None:
        """Tell of a change; `reason` says why the adapter does not do its work."""
        if reason is not None:
            self.last_error = reason
        if state == self.state and reason in (None, self._logged):
            return
        if state == "connected" and self.state in ("connecting", "waiting", "stopped"):
            self._connections += 1
            self.reconnects = self._connections - 1
        self.state = state
        self._logged = reason
        log = _log.info if reason is None else _log.warning
        why = {} if reason is None else {"reason": reason}
        log("adapter", adapter=self.name, type=self.kind, state=state, **why)

    def failed(self, state: State, error: BaseException) -> None:
        """An error that ended a connection or an attempt at one; one that nobody expected is logged with its place."""
        reason = explained(error)
        if not isinstance(error, _EXPECTED) and reason != self._logged:
            _log.error("adapter failed", adapter=self.name, type=self.kind, exc_info=error)
        self.become(state, reason)

    def rests(self, reason: str) -> None:
        """Nothing is sent through it for a while; reading goes on."""
        self.last_error = reason[:_ERROR_LIMIT]

    def is_ready(self) -> bool:
        """Whether it is connected."""
        return self.state in ("connected", "paused")

    def can_send(self) -> bool:
        """Whether a message is worth a try now. Who waits for the lease cannot know, and sends without connecting."""
        return self.state in ("connected", "paused", "waiting")

    def view(self) -> dict[str, Any]:
        """As `GET /api/adapters` and /health show it; `lag` by stream, empty where nobody can know; `connections` are
        those of a listener's clients."""
        return {
            "name": self.name,
            "type": self.kind,
            "state": self.state,
            "last_error": self.last_error,
            "lag": dict(self.lag()),
            "in_flight": self.in_flight,
            "received": self.received,
            "published": self.published(),
            "quarantined": self.quarantined,
            "reconnects": self.reconnects,
            **({} if self.clients is None else {"connections": self.clients()}),
        }


def explained(error: BaseException) -> str:
    """An error in one line; the hub's own say what to do, others also what they are."""
    text = str(error).strip().partition("\n")[0]
    if not isinstance(error, HubError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return (text or type(error).__name__)[:_ERROR_LIMIT]
