"""The sign of life of each process under a supervisor: a byte a second through a pipe, from a thread.

Invariant: a process whose event loop is blocked goes on giving it; one that is frozen whole does not. Nothing waits
for it on either side.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PERIOD: Final = 1.0


class Pulse:
    """A process's end; `descriptor` is the pipe's. start, stop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._stopped = threading.Event()

    def start(self) -> None:
        os.set_blocking(self._descriptor, False)
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()

    def stop(self) -> None:
        """Tolerates never-started."""
        self._stopped.set()

    def _beat(self) -> None:
        while True:
            try:
                os.write(self._descriptor, b".")
            except BlockingIOError:
                pass  # the supervisor is frozen itself
            except OSError:
                return  # it is gone, which the link says, too
            if self._stopped.wait(PERIOD):
                return


class Life:
    """The supervisor's end of one life's pipe; `theirs` is the descriptor to be handed over."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        self._seen: float | None = None
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._ours, False)
        self._loop.add_reader(self._ours, self._felt)

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """While a process is started with their end, which is needed here no more afterwards."""
        try:
            yield
        finally:
            os.close(self.theirs)

    @property
    def silent_for(self) -> float:
        """Seconds since the last sign; 0 before the first."""
        return 0.0 if self._seen is None else self._loop.time() - self._seen

    def forgive(self) -> None:
        """Count from now: nobody has listened meanwhile."""
        if self._seen is not None:
            self._seen = self._loop.time()

    def close(self) -> None:
        self._loop.remove_reader(self._ours)
        os.close(self._ours)
        self._seen = None

    def _felt(self) -> None:
        if os.read(self._ours, 4096):
            self._seen = self._loop.time()
        else:
            self._loop.remove_reader(self._ours)  # its end is noticed by itself
