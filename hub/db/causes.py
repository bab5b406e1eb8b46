"""An error and what it came of: drivers and SQLAlchemy wrap the one that says what happened."""

from __future__ import annotations

from collections.abc import Iterator


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it wraps or was raised from, and so on."""
    current: BaseException | None = error
    for _ in range(8):  # a chain of causes is short; a circle of them is possible
        if current is None:
            return
        yield current
        current = getattr(current, "orig", None) or current.__cause__
