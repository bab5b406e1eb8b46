"""Memcached: commands of one call travel together, whatever their number.

`memcached://host:port`. The pool is aiomcache's; the commands are written here, as its own methods make one trip each
and leave half-read answers behind when they are cancelled.

Invariant: a call ends within the time limit. A connection whose answers were not read to the end is never used again.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiomcache.pool import Connection, MemcachePool

from hub.errors import AddressInvalid, CacheUnavailable

_CONNECTIONS = 4
_PORT = 11211
_LONGEST_KEY = 200
# Beyond this the server takes a time to live for a date.
_LONGEST_TTL = 30 * 86_400
_PLAIN = re.compile(r"[\x21-\x7e]+")


class MemcachedCache:
    """See hub.ports.Cache; `store`, `found` and `increase` are for what stands on it."""

    adapter = "memcached"
    shared = True

    def __init__(self, address: str, *, prefix: str = "hub:", timeout: float = 1.0) -> None:
        split = urlsplit(address)
        try:
            self._host, self._port = split.hostname or "127.0.0.1", split.port or _PORT
        except ValueError as error:
            raise AddressInvalid(f"the cache's address cannot be understood: {error}") from error
        self.address = address
        self.prefix = prefix
        self.timeout = timeout
        self._pool = MemcachePool(self._host, self._port, minsize=1, maxsize=_CONNECTIONS)

    def again(self) -> MemcachedCache:
        """Another client of the same server, for another event loop."""
        return MemcachedCache(self.address, prefix=self.prefix, timeout=self.timeout)

    async def ping(self) -> None:
        [answer] = await self._exchange([b"version"])
        if not answer.startswith(b"VERSION "):
            raise CacheUnavailable(f"Memcached: not one that answers {answer[:80]!r}")

    async def get(self, name: str) -> bytes | None:
        return (await self.found([name])).get(name, (None, 0))[0]

    async def set(self, name: str, value: bytes, ttl: float) -> None:
        await self.store([("set", name, value, ttl, None)])

    async def delete(self, name: str) -> None:
        await self._exchange([b"delete " + self._key(name)])

    async def close(self) -> None:
        await self._pool.clear()
        await asyncio.sleep(0)  # a transport is closed a turn after it was told to

    async def store(self, commands: Sequence[tuple[str, str, bytes, float, int | None]]) -> list[bool]:
        """Run ('add' | 'set' | 'cas', name, value, ttl, unique) commands in one trip; whether each was stored. A ttl
        of 0 or less is over at once."""
        if not commands:
            return []
        texts = []
        for verb, name, value, ttl, unique in commands:
            head = f" 0 {_seconds(ttl)} {len(value)}{'' if unique is None else f' {unique}'}\r\n"
            texts.append(verb.encode() + b" " + self._key(name) + head.encode() + value)
        return [line == b"STORED" for line in await self._exchange(texts)]

    async def found(self, names: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        """Name → (value, its unique number) of those that are there, in one trip."""
        if not names:
            return {}
        keys = {self._key(name): name for name in names}
        async with self._connection() as (reader, writer):
            writer.write(b"gets " + b" ".join(keys) + b"\r\n")
            await writer.drain()
            answer = {}
            while (line := await _line(reader)) != b"END":
                _, key, _, size, unique = line.split(b" ")
                value = (await reader.readexactly(int(size) + 2))[:-2]
                answer[keys[key]] = (value, int(unique))
            return answer

    async def increase(self, name: str, by: int, *, first: int, least: int) -> int:
        """Add to a counter, which begins at `first` where there is none, and go on until it is at least `least`; its
        new value."""
        key = self._key(name)
        begun, value = await self._exchange(
            [b"add %b 0 0 %d\r\n%d" % (key, len(str(first)), first), b"incr %b %d" % (key, by)]
        )
        if not value.isdigit():
            raise CacheUnavailable(f"Memcached: the counter answers {(begun + b' ' + value)[:80]!r}")
        if (now := int(value)) < least:  # it was lost, and began anew at another's lower number
            return await self.increase(name, least - now + by, first=first, least=least)
        return now

    async def _exchange(self, commands: Sequence[bytes]) -> list[bytes]:
        """Send commands that are answered by one line each."""
        async with self._connection() as (reader, writer):
            writer.write(b"\r\n".join(commands) + b"\r\n")
            await writer.drain()
            return [await _line(reader) for _ in commands]

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[None]:
        """All trips within take one time limit together. Raises CacheUnavailable when it is over."""
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError as error:
            raise CacheUnavailable(f"Memcached did not answer within {self.timeout:g} s") from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self.limited():
                connection = await self._pool.acquire()
                whole = False
                try:
                    yield connection
                    whole = True
                finally:
                    if not whole:
                        # The pool closes a connection whose reader holds an error.
                        connection.reader.set_exception(ConnectionAbortedError("cut off"))
                    self._pool.release(connection)
        except CacheUnavailable:
            raise
        except Exception as error:  # a bug of the client's may cost the cache, and never a claim
            raise CacheUnavailable(f"Memcached: {str(error) or type(error).__name__}") from error

    def _key(self, name: str) -> bytes:
        key = self.prefix + name
        if len(key) <= _LONGEST_KEY and _PLAIN.fullmatch(key):
            return key.encode()
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return f"hub#{digest}".encode()


async def _line(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readuntil(b"\r\n")
    if line.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")):
        raise ValueError(line.decode(errors="replace").strip())
    return line[:-2]


def _seconds(ttl: float) -> int:
    """Whole seconds, rounded up: 0 would mean for ever."""
    return -1 if ttl <= 0 else min(_LONGEST_TTL, math.ceil(ttl))
