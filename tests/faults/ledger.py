"""What was acknowledged, kept outside the database that is to be tested.

Invariant: an id stands in the file, and on the disk, before anything else is done with its acknowledgement; and never
without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


class Ledger:
    """A file of message ids, one a line, that only grows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def acknowledged(self, ids: Iterable[str]) -> None:
        """Write these down durably."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, "".join(f"{one}\n" for one in ids).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> set[str]:
        return set(self.path.read_text().split()) if self.path.exists() else set()
