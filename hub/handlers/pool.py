"""The process pool: children for handlers that keep a processor busy.

Invariant: a child runs one handler at a time, and its death is the failure of that attempt alone. One that is told to
stop is killed, with whatever it has started; the next call gets a fresh one. What runs in a child has a name in the
parent's registry.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from hub.errors import Transient
from hub.handlers.pool_frames import (
    LENGTH,
    Begun,
    Call,
    Enqueued,
    Progressed,
    Raised,
    Returned,
    Said,
    frame,
    read_said,
    restored,
)
from hub.handlers.view import JobView

_IDLE = 60.0
_TRIES = 3
"""Children that may die before they have begun, for one call."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from hub.handlers.pool_child import main; main({descriptor}, {leash})"


class ChildDied(Transient):
    """The process that ran the handler has ended under it: killed, out of memory, or by an exit of its own."""

    code = "child-died"


class ProcessPool:
    """At most `size` children (the number of processors, unless given), started when they are needed; one that is idle
    for `idle` seconds ends. Start it in no loop and stop it in the one that used it."""

    def __init__(self, size: int | None = None, idle: float = _IDLE) -> None:
        self.size = size or os.cpu_count() or 1
        self._idle = idle
        self._free: list[_Child] = []
        self._children: set[_Child] = set()
        self._room: asyncio.Semaphore | None = None

    @property
    def children(self) -> list[int]:
        """The process ids of the children that live."""
        return [child.pid for child in self._children]

    async def run(self, module: str, qualname: str, job: JobView) -> Any:
        """The result of a handler for `job`. Raises what it raises, and ChildDied; cancelled, it kills the child."""
        if self._room is None:
            self._room = asyncio.Semaphore(self.size)
        call = frame(Call(module, qualname, job._claim))
        async with self._room:
            for _ in range(_TRIES):
                child = await self._take()
                try:
                    return await child.run(call, job)
                except _NotBegun:  # it died while it was idle: nothing has happened yet
                    continue
                finally:
                    self._put(child)
        raise ChildDied(f"{_TRIES} children of the process pool died before they began")

    async def stop(self) -> None:
        """Kill what runs and end the rest; tolerates never-started and twice. The pool can be used again."""
        self._free.clear()
        self._room = None
        children = list(self._children)
        for child in children:
            child.kill()
        await asyncio.gather(*(child.ended() for child in children))
        self._children.clear()

    async def _take(self) -> _Child:
        while self._free:
            child = self._free.pop()
            child.wanted()
            if child.alive:
                return child
            self._children.discard(child)
        # Shielded: a start that is given up half way would leave a process behind.
        starting = asyncio.ensure_future(_Child.start())
        try:
            child = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_give_up)
            raise
        self._children.add(child)
        return child

    def _put(self, child: _Child) -> None:
        if child.reusable and self._room is not None:
            self._free.append(child)
            child.unwanted(self._idle, self._retire)
        else:
            child.kill()
            self._children.discard(child)

    def _retire(self, child: _Child) -> None:
        if child in self._free:
            self._free.remove(child)
            self._children.discard(child)
            child.dismiss()


class _NotBegun(Exception):
    """A child died before it began."""


class _Child:
    """One process, and the way to it. `reusable`: it has answered, and nothing is under way."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        leash: int,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._timer: asyncio.TimerHandle | None = None
        # Waited for from the start: nobody else reaps it.
        self._end = asyncio.ensure_future(process.wait())
        self._end.add_done_callback(lambda _: os.close(leash))
        self.reusable = False

    @classmethod
    async def start(cls) -> _Child:
        ours, theirs = socket.socketpair()
        # Nothing is ever said over the pipe: its end is that of this process.
        held, leash = os.pipe()
        try:
            with theirs:
                program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno(), leash=held)
                # A session of its own, so that it is killed with all that it has started.
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", program),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), held],
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            os.close(leash)
            raise
        finally:
            os.close(held)
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer, leash)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._reader.at_eof()

    async def run(self, call: bytes, job: JobView) -> Any:
        """One call. Raises what the handler raises, ChildDied, and _NotBegun."""
        self.reusable = False
        begun = False
        try:
            self._writer.write(call)
            await self._writer.drain()
            while True:
                match await self._read():
                    case Begun():
                        begun = True
                    case Progressed(share, note):
                        job._attempt.progress(share, note)
                    case Enqueued(row):
                        job._attempt.enqueue(row)
                    case Returned(result):
                        self.reusable = True
                        return None if result is None else msgspec.json.decode(result)
                    case Raised() as sent:
                        self.reusable = True
                        raise restored(sent)
        except (asyncio.IncompleteReadError, OSError) as error:
            if self.reusable:
                raise  # the handler's own
            self.kill()
            await self._end
            if not begun:
                raise _NotBegun from error
            raise ChildDied(f"the process that ran {job.handler} {self._how()}") from error

    async def _read(self) -> Said:
        head = await self._reader.readexactly(LENGTH)
        return read_said(await self._reader.readexactly(int.from_bytes(head, "big")))

    def _how(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    # --- its life ----------------------------------------------------------------------------------------------------

    def wanted(self) -> None:
        """It is idle no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def unwanted(self, seconds: float, retire: Any) -> None:
        """It is idle: `retire` it after so many seconds."""
        self._timer = asyncio.get_running_loop().call_later(seconds, retire, self)

    def dismiss(self) -> None:
        """Let it end by itself."""
        self.wanted()
        self._writer.close()

    def kill(self) -> None:
        """End it and all that it has started, at once; harmless when it has ended."""
        self.dismiss()
        if self._process.returncode is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended this moment

    async def ended(self) -> None:
        """Once it is gone."""
        await self._end


def _give_up(starting: asyncio.Future[_Child]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().kill()
