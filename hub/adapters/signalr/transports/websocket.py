"""WebSockets: frames of text for JSON, of bytes for MessagePack; how a message was split into frames does not matter.

Invariant: an end without the other side's Close frame is a loss, from which a stateful connection may come back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from hub.adapters.signalr.connection import Connection, Kind
from hub.adapters.signalr.transports.push import Push

_CLOSING = 2.0
"""Seconds for the other side's Close frame."""


class WebSocket(Push):
    """The carrier."""

    binary = True

    def __init__(self, connection: Connection, socket: web.WebSocketResponse[Any], request: web.Request) -> None:
        super().__init__(connection)
        self._socket = socket
        self._request = request

    async def write(self, data: bytes) -> None:
        codec = self._connection.codec
        if codec is not None and codec.binary:
            await self._socket.send_bytes(data)
        else:
            await self._socket.send_frame(data, WSMsgType.TEXT)

    async def close(self) -> None:
        try:
            await self._socket.close(drain=False)
        except (ConnectionError, RuntimeError):
            # Closed by the other side in this very moment.
            pass

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    def lost(self) -> bool:
        """See Carrier: the reader finds it out by itself."""
        return False


async def serve(request: web.Request, connection: Connection, now: Callable[[], float]) -> web.StreamResponse:
    """Carry the connection until one of the two ends."""
    settings = connection.settings
    socket: web.WebSocketResponse[Any] = web.WebSocketResponse(
        compress=False,
        timeout=_CLOSING,
        autoping=False,  # its pings are answered here, where a flood of them waits for the others' turn
        # A message too large is told so in the protocol's own way; what is far larger is not even read.
        max_msg_size=2 * settings.max_message + 64 * 1024,
        decode_text=False,
    )
    await socket.prepare(request)
    carrier = WebSocket(connection, socket, request)
    connection.attach(carrier, Kind.WEBSOCKETS, now())
    said = False
    try:
        while connection.carrier is carrier:
            frame = await socket.receive()
            match frame.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    await connection.feed(frame.data)
                case WSMsgType.PING:
                    await socket.pong(frame.data)
                case WSMsgType.PONG:
                    pass
                case other:
                    said = other is WSMsgType.CLOSE
                    break
            await connection.turn()
    except ConnectionError:
        pass  # it was cut before its ping was answered
    finally:
        connection.detach(carrier, now(), said=said)
    await carrier.finished()
    return socket
