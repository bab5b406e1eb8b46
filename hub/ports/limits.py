"""Where the state of limits is kept, so that it counts for all instances.

Invariant: values and Protocols only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Kept(msgspec.Struct, frozen=True):
    """A state as it was read: None if there is none, and the version that a write of it must name."""

    state: str | None
    version: int


class States(Protocol):
    """Texts under names, written only by those who know what they replace.

    Raises CacheUnavailable, DatabaseUnavailable, TransactionConflict.
    """

    async def read(self, names: Sequence[str]) -> tuple[float, dict[str, Kept]]:
        """What time it is (seconds since 1970, one clock for all), and the state of each name."""
        ...

    async def write(self, states: Mapping[str, Kept]) -> set[str]:
        """Write states, each with the version it was read at; the names that nobody had written meanwhile."""
        ...

    async def forget(self) -> None:
        """Remove what nobody has written for a day."""
        ...
