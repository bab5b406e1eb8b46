"""What the processes of one `hub run` tell each other: lines of JSON over a socket between each and their supervisor.

Invariant: nothing waits for it. A process says once a second how it is; process 0 hears how the others were, for
/health and /metrics. When the other end is gone the hub drains, as no process outlives its supervisor for long.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hub.app import Hub
from hub.cli.pulse import Pulse
from hub.telemetry.metrics import Family

PERIOD: Final = 1.0
LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a line."""


class Report(msgspec.Struct, frozen=True):
    """What a process says of itself."""

    instance: str
    ready: bool
    jobs: dict[str, Any]
    metrics: list[Family] = []


class Told(msgspec.Struct, frozen=True):
    """What process 0 is told: every process as /health shows it, and the metrics of the others by number."""

    processes: list[dict[str, Any]]
    metrics: Mapping[str, list[Family]] = {}


class Link:
    """A process's end. `number` 0 has the port, and hears of the others."""

    def __init__(self, number: int, descriptor: int, pulse: int) -> None:
        self.number = number
        self._descriptor = descriptor
        self._pulse = Pulse(pulse)
        self._told = Told([])
        self._ready = False
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def named(cls, text: str) -> Link:
        """From `number:descriptor:pulse`, the last two being descriptors. Raises ValueError."""
        number, descriptor, pulse = text.split(":")
        return cls(int(number), int(descriptor), int(pulse))

    async def start(self, hub: Hub, gone: Callable[[], None]) -> None:
        """Speak for `hub`; `gone` is called when the supervisor is no more."""
        if self.number == 0:
            hub.vitals.processes = lambda: self._told.processes
        hub.metrics.beside(str(self.number), lambda: self._told.metrics)
        self._pulse.start()
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=self._descriptor), limit=LONGEST)
        self._tasks = [
            asyncio.create_task(self._hear(reader, gone), name="link, heard"),
            asyncio.create_task(self._speak(writer, hub), name="link, said"),
        ]

    def ready(self) -> None:
        """The hub has started."""
        self._ready = True

    async def stop(self) -> None:
        """Tolerates never-started."""
        self._pulse.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self, reader: asyncio.StreamReader, gone: Callable[[], None]) -> None:
        try:
            while line := await reader.readline():
                self._told = msgspec.json.decode(line, type=Told)
        except OSError:
            pass  # as good as the end
        gone()

    async def _speak(self, writer: asyncio.StreamWriter, hub: Hub) -> None:
        try:
            while True:
                metrics = hub.metrics.snapshot() if self.number else []
                writer.write(line_of(Report(hub.instance, self._ready, hub.engine.state(), metrics)))
                await writer.drain()
                # Soon while it starts: others wait for that.
                await asyncio.sleep(PERIOD if self._ready else 0.05)
        except OSError:
            pass  # the other half says so


def line_of(message: Report | Told) -> bytes:
    """A message, ready to be sent."""
    return msgspec.json.encode(message) + b"\n"
