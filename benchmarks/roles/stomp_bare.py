"""A bare stomp.py client that does nothing but acknowledge: how fast a queue can be read at all, in Python.

Invariant: it acknowledges each message by itself, as the hub does; nothing of it is kept.
"""

from __future__ import annotations

import asyncio
from typing import Any

from stomp import Connection12

from benchmarks.roles.wire import Meter, Tally, Wire


class _Acknowledge:
    """Called in stomp.py's own thread."""

    def __init__(self, connection: Any, tally: Tally, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._tally = tally
        self._loop = loop

    def on_message(self, frame: Any) -> None:
        self._connection.ack(frame.headers["ack"])
        self._loop.call_soon_threadsafe(self._tally.hit)


async def run(wire: Wire, *, port: int, username: str, password: str, queue: str, messages: int, prefetch: int) -> None:
    tally = Tally(messages)
    connection = Connection12([("127.0.0.1", port)], auto_decode=False)
    connection.set_listener("", _Acknowledge(connection, tally, asyncio.get_running_loop()))
    await wire.ready()
    meter = Meter()
    await asyncio.to_thread(connection.connect, username, password, wait=True, with_connect_command=True)
    connection.subscribe(queue, "1", "client-individual", headers={"activemq.prefetchSize": str(prefetch)})
    await tally.all()
    await wire.done(meter.read())
    connection.disconnect()
