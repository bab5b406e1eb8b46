"""Notices, from the heartbeat's thread, what the event loop cannot say itself: that it is blocked, and by whom.

Invariant: it only looks and says so in the log, once for each block and each handler; nothing is interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterable
from types import FrameType

from hub.handlers.registry import Entry
from hub.queue.attempt import Attempt

_log = logging.getLogger("hub.queue")

_FRAMES = 3


class Watchdog:
    """`look` is called again and again; a loop that has not come round since the last time is blocked."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._asked = 0
        self._answered = 0
        self._blocked = False
        self._named: set[str] = set()

    def look(self, attempts: Iterable[Attempt], now: float, grace: float) -> None:
        """Judge the loop, and the handlers that are past their deadline by more than `grace` seconds."""
        if self._asked != self._answered and not self._blocked:
            self._blocked = True
            _log.warning(
                "the event loop is blocked%s; heartbeats go on, everything else waits for:\n%s", *self._where()
            )
        elif self._asked == self._answered:
            self._blocked = False
            self._asked += 1
            self._loop.call_soon_threadsafe(self._answer, self._asked)
        late = {a.claim.id: a for a in attempts if a.deadline is not None and now > a.deadline + grace}
        for job_id in late.keys() - self._named:
            _log.error(
                "job %s: its handler %s ignores its time-out; the lease is left to expire, another worker takes it",
                job_id,
                late[job_id].claim.handler,
            )
        self._named = set(late)

    def _answer(self, asked: int) -> None:
        self._answered = asked

    def _where(self) -> tuple[str, str]:
        """By whom, and where it stands."""
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return "", "(no longer)"
        stack = "".join(traceback.format_stack(frame)[-_FRAMES:]).rstrip()
        outer: FrameType | None = frame
        while outer is not None:
            entry = outer.f_locals.get("entry")
            if isinstance(entry, Entry):  # what runs a handler holds it
                return f" by handler {entry.name}", stack
            outer = outer.f_back
        return "", stack
