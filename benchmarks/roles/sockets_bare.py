"""The floor: aiohttp's WebSockets and nothing else, each sent the same frame in a loop.

Invariant: as `sockets_hub`, word for word.
"""

from __future__ import annotations

import time

from aiohttp import WSMsgType, web

from benchmarks.machine import resident
from benchmarks.roles.wire import Wire


async def run(wire: Wire, *, connections: int, keepalive: float, body: str) -> None:
    """`keepalive` is not aiohttp's: its clients' frames are read and dropped."""
    open_ones: set[web.WebSocketResponse] = set()

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        open_ones.add(socket)
        try:
            # What SignalR's clients hear as an answer to their handshake.
            await socket.send_str("{}\x1e")
            async for frame in socket:
                if frame.type is WSMsgType.ERROR:
                    break
        finally:
            open_ones.discard(socket)
        return socket

    application = web.Application()
    application.router.add_get("/signalr", serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    await wire.ready()
    wire.tell({"port": int(runner.addresses[0][1])})
    text = f'{{"type":1,"target":"tick","arguments":[{body}]}}\x1e'
    while (word := await wire.heard()) != "stop":
        began = time.perf_counter()
        if word == "broadcast":
            for socket in list(open_ones):
                await socket.send_str(text)
        wire.tell({"seconds": time.perf_counter() - began, "memory": resident(), "connections": len(open_ones)})
    await runner.cleanup()
