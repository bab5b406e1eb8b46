"""A STOMP 1.2 client of the tests' own, over asyncio's streams: what it sees owes nothing to the hub's adapter.

Invariant: every frame it sends with a receipt is known to the broker when the call returns.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_UNESCAPED = ("CONNECT", "CONNECTED")
_ESCAPES = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"}
_PLAIN = {"\\\\": "\\", "\\r": "\r", "\\n": "\n", "\\c": ":"}


@dataclass(frozen=True)
class Frame:
    """A frame; names and values of headers without escapes."""

    command: str
    headers: Mapping[str, str]
    body: bytes = b""

    def encode(self) -> bytes:
        plain = self.command in _UNESCAPED
        lines = [f"{_escape(name, plain)}:{_escape(value, plain)}\n" for name, value in self.headers.items()]
        return f"{self.command}\n{''.join(lines)}\n".encode() + self.body + b"\0"


class Refused(Exception):
    """The broker answered with ERROR."""


class StompPeer:
    """An open connection; `async with StompPeer(...)` opens and ends it."""

    def __init__(
        self, port: int, user: str, password: str, *, vhost: str = "/", headers: Mapping[str, str] | None = None
    ) -> None:
        self._port = port
        self._login = {"accept-version": "1.2", "host": vhost, "login": user, "passcode": password, **(headers or {})}
        self._numbers = itertools.count(1)
        self._messages: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._receipts: dict[str, asyncio.Future[None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**26)
        self._writer.write(Frame("CONNECT", self._login).encode())
        answer = await read_frame(reader)
        if answer.command != "CONNECTED":
            raise Refused(answer.headers.get("message", answer.body.decode(errors="replace")))
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writer is not None
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()

    async def send(self, destination: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """The broker has it when this returns."""
        length = {"content-length": str(len(body))}
        await self._ask("SEND", {"destination": destination, "persistent": "true", **length, **(headers or {})}, body)

    async def fill(self, destination: str, bodies: Sequence[bytes]) -> None:
        """Send many; the broker has all of them when this returns."""
        assert self._writer is not None
        headers = {"destination": destination, "persistent": "true", "content-type": "application/json"}
        for body in bodies[:-1]:
            self._writer.write(Frame("SEND", {**headers, "content-length": str(len(body))}, body).encode())
            await self._writer.drain()
        for body in bodies[-1:]:
            await self.send(destination, body, headers)

    async def subscribe(self, destination: str, *, ack: str = "auto", headers: Mapping[str, str] | None = None) -> str:
        """Answers the subscription's id."""
        id = f"s{next(self._numbers)}"
        await self._ask("SUBSCRIBE", {"destination": destination, "id": id, "ack": ack, **(headers or {})})
        return id

    async def unsubscribe(self, id: str) -> None:
        await self._ask("UNSUBSCRIBE", {"id": id})

    async def acknowledge(self, message: Frame) -> None:
        await self._ask("ACK", {"id": message.headers["ack"]})

    async def receive(self, timeout: float = 10.0) -> Frame:
        """The next message. Raises TimeoutError, and Refused once the connection has ended."""
        async with asyncio.timeout(timeout):
            message = await self._messages.get()
        if message is None:
            raise Refused("the connection has ended")
        return message

    async def browse(self, queue: str) -> list[Frame]:
        """What is in an ActiveMQ queue and not acknowledged, delivered to somebody or not."""
        id = await self.subscribe(queue, headers={"browser": "true"})
        found = []
        while (message := await self.receive()).headers.get("browser") != "end":
            found.append(message)
        await self.unsubscribe(id)
        return found

    async def _ask(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        assert self._writer is not None
        receipt = str(next(self._numbers))
        answered = self._receipts[receipt] = asyncio.get_running_loop().create_future()
        self._writer.write(Frame(command, {**headers, "receipt": receipt}, body).encode())
        await self._writer.drain()
        await answered

    async def _read(self, reader: asyncio.StreamReader) -> None:
        fault: Exception = Refused("the connection has ended")
        try:
            while True:
                frame = await read_frame(reader)
                if frame.command == "MESSAGE":
                    self._messages.put_nowait(frame)
                elif frame.command == "RECEIPT":
                    self._receipts.pop(frame.headers["receipt-id"]).set_result(None)
                else:
                    fault = Refused(frame.headers.get("message", frame.body.decode(errors="replace")))
        except (OSError, EOFError):
            self._messages.put_nowait(None)
            for answered in self._receipts.values():
                answered.set_exception(fault)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame; heart-beats are passed over. Raises EOFError at the end."""
    while not (line := (await reader.readuntil(b"\n")).rstrip(b"\r\n")):
        pass
    command = line.decode()
    plain = command in _UNESCAPED
    headers: dict[str, str] = {}
    while line := (await reader.readuntil(b"\n")).rstrip(b"\r\n"):
        name, _, value = line.decode().partition(":")
        headers.setdefault(_unescape(name, plain), _unescape(value, plain))
    if "content-length" in headers:
        body = (await reader.readexactly(int(headers["content-length"]) + 1))[:-1]
    else:
        body = (await reader.readuntil(b"\0"))[:-1]
    return Frame(command, headers, body)


def _escape(text: str, plain: bool) -> str:
    return text if plain else "".join(_ESCAPES.get(sign, sign) for sign in text)


def _unescape(text: str, plain: bool) -> str:
    if plain or "\\" not in text:
        return text
    found, signs = "", iter(text)
    for sign in signs:
        found += _PLAIN[sign + next(signs, "")] if sign == "\\" else sign
    return found
