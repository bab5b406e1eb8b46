"""Senders of signed webhooks in one process, as thin as can be, so that the server is what is measured.

Invariant: every request is signed before the clock runs, with an id of its own, and only 202 counts as an answer. At a
given pace requests are due at fixed times whatever became of those before, and each one's delay begins when it is due.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import hmac
import time
from collections import deque
from typing import cast

from benchmarks.figures import percentile
from benchmarks.roles.wire import Wire

_BODY = b'{"id":7,"customer":"c-1029","lines":[{"sku":"A-17","quantity":3}],"note":"as agreed","total":42.5}'
_AT_ONCE = 64
"""Connections, each with one request under way at most."""


class _Senders:
    """Requests that wait for a connection, with the time they were due; delays of those that were answered."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, float]] = deque()
        self.idle: list[_Sender] = []
        self.delays: list[float] = []
        self.expected = 0
        self.refused = b""
        self.all = asyncio.Event()

    def expect(self, count: int) -> None:
        self.delays, self.expected = [], count
        self.all.clear()

    def send(self) -> None:
        while self.waiting and self.idle:
            self.idle.pop().send(*self.waiting.popleft())

    def answered(self, sender: _Sender, due: float) -> None:
        self.delays.append(time.perf_counter() - due)
        if len(self.delays) == self.expected:
            self.all.set()
        if self.waiting:
            sender.send(*self.waiting.popleft())
        else:
            self.idle.append(sender)

    def failed(self, answer: bytes) -> None:
        self.refused = answer
        self.all.set()

    async def ended(self) -> None:
        await self.all.wait()
        if self.refused:
            raise RuntimeError(f"not accepted: {self.refused!r}")


class _Sender(asyncio.Protocol):
    def __init__(self, senders: _Senders) -> None:
        self._senders = senders
        self._heard = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, found, body = self._heard.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._senders.failed(self._heard)
        elif body.endswith(b"}"):
            self._heard = b""
            self._senders.answered(self, self._due)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._senders.all.is_set():
            self._senders.failed(b"the connection was closed")


async def run(wire: Wire, *, port: int, secret: str) -> None:
    """Words: "all N" sends so many as fast as they are answered and tells the seconds, "pace RATE N" so many a second
    and tells the delays (milliseconds) and the rate that came of it."""
    loop = asyncio.get_running_loop()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    senders = _Senders()
    for _ in range(_AT_ONCE):
        _, sender = await loop.create_connection(lambda: _Sender(senders), "127.0.0.1", port)
        senders.idle.append(sender)
    made = 0
    await wire.ready()
    while (word := await wire.heard()) != "stop":
        what, *numbers = word.split()
        count = int(numbers[-1])
        requests = [_request(port, key, f"msg_{number:08}") for number in range(made, made + count)]
        made += count
        gc.collect()
        gc.freeze()
        senders.expect(count)
        wire.tell({"signed": count})
        await wire.heard()
        began = time.perf_counter()
        if what == "all":
            senders.waiting.extend((request, began) for request in requests)
            senders.send()
        else:
            await _pace(senders, requests, float(numbers[0]))
        await senders.ended()
        seconds = time.perf_counter() - began
        delays = [delay * 1000 for delay in senders.delays]
        wire.tell({"seconds": seconds, **{name: percentile(delays, share) for name, share in _SHARES.items()}})


_SHARES = {"p50": 0.5, "p99": 0.99, "worst": 1.0}


async def _pace(senders: _Senders, requests: list[bytes], rate: float) -> None:
    began = time.perf_counter()
    sent = 0
    while sent < len(requests):
        due_by_now = min(len(requests), int((time.perf_counter() - began) * rate) + 1)
        while sent < due_by_now:
            senders.waiting.append((requests[sent], began + sent / rate))
            sent += 1
        senders.send()
        await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))


def _request(port: int, key: bytes, identity: str) -> bytes:
    stamp = str(int(time.time()))
    signature = base64.b64encode(hmac.digest(key, f"{identity}.{stamp}.".encode() + _BODY, hashlib.sha256)).decode()
    return (
        f"POST /webhooks/orders HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"User-Agent: senders\r\nAccept: */*\r\nwebhook-id: {identity}\r\nwebhook-timestamp: {stamp}\r\n"
        f"webhook-signature: v1,{signature}\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    ).encode() + _BODY
