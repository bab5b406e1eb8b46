"""Redis: one server, one behind TLS, or the master that Sentinels name.

`redis://user:password@host:port/db`, `rediss://…` (TLS, verified; `?ssl_ca_certs=FILE` for an authority of one's own),
`redis+sentinel://host:port,host:port/master/db` and `rediss+sentinel://…`.

Invariant: a call ends within the time limit, with waiting for a connection, connecting and one try on a fresh
connection in it. A connection that a call was cut off on is never used again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from hub.errors import AddressInvalid, CacheUnavailable

_CONNECTIONS = 8


class Script:
    """A Lua script. It is named by its digest, and sent whole only to a server that does not know it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisCache:
    """See hub.ports.Cache; `run` for scripts."""

    adapter = "redis"
    shared = True

    def __init__(self, address: str, *, prefix: str = "hub:", timeout: float = 1.0) -> None:
        self.address = address
        self.prefix = prefix
        self.timeout = timeout
        self._client: Any = connect(address)  # of redis-py's methods, half have types

    def again(self) -> RedisCache:
        """Another client of the same server, for another event loop."""
        return RedisCache(self.address, prefix=self.prefix, timeout=self.timeout)

    async def ping(self) -> None:
        await self._call("PING")

    async def get(self, name: str) -> bytes | None:
        found: bytes | None = await self._call("GET", self.prefix + name)
        return found

    async def set(self, name: str, value: bytes, ttl: float) -> None:
        await self._call("SET", self.prefix + name, value, "PX", _milliseconds(ttl))

    async def delete(self, name: str) -> None:
        await self._call("DEL", self.prefix + name)

    async def publish(self, channel: str, texts: Sequence[str | bytes]) -> None:
        """Publish texts, in one trip."""
        async with self._limited():
            pipeline = self._client.pipeline(transaction=False)
            for text in texts:
                pipeline.publish(self.prefix + channel, text)
            await pipeline.execute()

    async def run(self, script: Script, names: Sequence[str], *arguments: Any) -> Any:
        """Run a script on the keys of `names`; answers what it answers, texts as bytes."""
        keys = [self.prefix + name for name in names]
        async with self._limited():
            try:
                return await self._client.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
            except NoScriptError:  # it has to be sent
                return await self._client.execute_command("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        await disconnect(self._client, self.timeout)

    async def _call(self, *words: Any) -> Any:
        async with self._limited():
            return await self._client.execute_command(*words)

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError as error:
            raise CacheUnavailable(f"Redis did not answer within {self.timeout:g} s") from error
        except Exception as error:  # a bug of the client's may cost the cache, and never a claim
            raise CacheUnavailable(f"Redis: {str(error) or type(error).__name__}") from error


def connect(address: str, *, connections: int = _CONNECTIONS, health_check: float = 0) -> Redis:
    """A client of redis-py's, connected to nothing yet. Raises AddressInvalid."""
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": None,  # the time limit is around the whole call
        "socket_connect_timeout": None,
        "socket_keepalive": True,
        "health_check_interval": health_check,
        "retry": Retry(NoBackoff(), 1),
        "driver_info": None,
    }
    try:
        if "+sentinel://" in address:
            return _behind_sentinels(address, options)
        pool = BlockingConnectionPool.from_url(address, max_connections=connections, timeout=None, **options)
    except (ValueError, RedisError) as error:
        raise AddressInvalid(f"the cache's address cannot be understood: {error}") from error
    return Redis.from_pool(pool)  # which then closes with the client


async def disconnect(client: Any, timeout: float) -> None:
    """Close a client, and those of the Sentinels it asked. Raises nothing."""
    manager = getattr(client.connection_pool, "sentinel_manager", None)
    for one in (client, *(manager.sentinels if manager is not None else ())):
        try:
            async with asyncio.timeout(timeout):
                await one.aclose()
        except (RedisError, OSError, TimeoutError):
            pass  # there is nobody to say good-bye to


def _behind_sentinels(address: str, options: dict[str, Any]) -> Redis:
    """`redis+sentinel://user:password@host:port,host:port/master/db?sentinel_password=…`"""
    split = urlsplit(address)
    user, _, hosts = split.netloc.rpartition("@")
    name, password = (unquote(part) or None for part in (user.partition(":")[0], user.partition(":")[2]))
    path = [part for part in split.path.split("/") if part]
    if not path or len(path) > 2 or (len(path) == 2 and not path[1].isdigit()):
        raise AddressInvalid("an address of Sentinels ends with /MASTER or /MASTER/DB")
    query = {key: values[-1] for key, values in parse_qs(split.query).items()}
    own = {"username": query.pop("sentinel_username", None), "password": query.pop("sentinel_password", None)}
    secured = {**query, "ssl": True} if split.scheme.startswith("rediss") else query
    behind: Any = Sentinel
    sentinel = behind(
        [_place(host) for host in hosts.split(",")],
        sentinel_kwargs={**options, **secured, **own},
        **options,
    )
    database = int(path[1]) if len(path) == 2 else 0
    master: Redis = sentinel.master_for(path[0], username=name, password=password, db=database, **secured)
    return master


def _place(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "26379")
    if not name or not port.isdigit():
        raise AddressInvalid(f"{host!r} is no host of a Sentinel: write HOST:PORT")
    return name.strip("[]"), int(port)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
