"""A circuit breaker: after so many failures in a row nothing is tried for a while, then one at a time.

Invariant: pure. Time comes in with each call, in seconds that never go back; at most one probe is under way.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

PROBE_PATIENCE: Final = 120.0
"""A probe that never said how it ended counts as failed after so many seconds."""


class CircuitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`failures` in a row open it, for `first` seconds, twice as long each time a probe fails, at most `longest`."""

    failures: int = 5
    first: float = 1.0
    longest: float = 30.0


class Admission(msgspec.Struct, frozen=True):
    """Go on at once if `wait` is 0, else come back after that many seconds. `probe`: the one that is tried."""

    wait: float = 0.0
    probe: bool = False


class Circuit:
    """closed: everything passes; open: nothing does, until its time is over and one may try."""

    def __init__(self, settings: CircuitSettings | None = None) -> None:
        self._settings = settings or CircuitSettings()
        self._failures = 0
        self._openings = 0
        self._until: float | None = None
        self._probing_since: float | None = None

    @property
    def state(self) -> Literal["closed", "open"]:
        return "closed" if self._until is None else "open"

    def admit(self, now: float) -> Admission:
        """May the next one go?"""
        if self._until is None:
            return Admission()
        if now < self._until:
            return Admission(self._until - now)
        if self._probing_since is not None and now - self._probing_since < PROBE_PATIENCE:
            return Admission(self._settings.first)
        self._probing_since = now
        return Admission(probe=True)

    def succeeded(self) -> None:
        """An answer came: everything may pass."""
        self._failures = self._openings = 0
        self._until = self._probing_since = None

    def failed(self, now: float, admission: Admission) -> None:
        """No answer to what was admitted. What had been under way when the circuit opened changes nothing more."""
        if self._until is not None and not admission.probe:
            return
        self._failures += 1
        if admission.probe or self._failures >= self._settings.failures:
            self._until = now + min(self._settings.longest, self._settings.first * 2.0**self._openings)
            self._openings = min(self._openings + 1, 30)
            self._probing_since = None
