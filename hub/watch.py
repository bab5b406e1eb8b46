"""A background task that looks again and again: in time, when hurried, and after each fault.

Invariant: no fault ends it before `stop`. A fault of the hub's own making is in the log with its traceback, another one
once an outage, and both are in `failing` until a look has succeeded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hub.clock import Clock, backoff
from hub.errors import HubError, Rejected
from hub.service import end

_log = logging.getLogger("hub.watch")

_FIRST, _LONGEST = 0.1, 5.0


class Watch:
    """start, stop; `hurry` has it look at once.

    `look` does what is due, and answers the seconds until there is something again. After a fault it is called again
    sooner, at most `longest` seconds later; `trouble` says what does not happen meanwhile.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], Awaitable[float]],
        clock: Clock,
        *,
        trouble: str,
        longest: float = _LONGEST,
    ) -> None:
        self._name = name
        self._look = look
        self._clock = clock
        self._trouble = trouble
        self._longest = longest
        self._hurried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.failing: str | None = None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin with a look; nothing if it runs already."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Tolerates never-started and twice."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def hurry(self) -> None:
        """There may be something: look at once, and once more if it looks at this moment."""
        self._hurried.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            self._hurried.clear()
            try:
                pause = await self._look()
                failures, self.failing = 0, None
            except Exception as error:  # a bug must not end what others rely on
                failures += 1
                self._tell(error, failures)
                pause = backoff(_FIRST, failures, self._longest) * (0.5 + self._clock.random() / 2)
                await asyncio.sleep(pause)
            else:
                await self._wait(pause)

    def _tell(self, error: Exception, failures: int) -> None:
        self.failing = f"{self._trouble}: {str(error) or type(error).__name__}"
        if not isinstance(error, HubError) or isinstance(error, Rejected):
            _log.exception("%s", self._trouble)
        elif failures == 1:
            _log.warning("%s", self.failing)

    async def _wait(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._hurried.wait()
        except TimeoutError:
            pass
