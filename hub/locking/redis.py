"""Locks in Redis: one script a call, whatever the number of names.

Invariant: a script runs whole or not at all, so that a name has one owner. Tokens come from a counter that never falls
behind the server's clock in microseconds: they grow even when the server has forgotten everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from hub.cache.redis import RedisCache, Script
from hub.locking.value import value_of
from hub.ports import Locks

_COUNTER = "locks"

# KEYS: the counter, then the locks. ARGV: owner, milliseconds. Answers a token for each lock, 0 for those refused.
_ACQUIRE = Script(
    """
local now = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now[1] * 1000000 + now[2])
local answer = {}
for i = 2, #KEYS do
  local held = redis.call('GET', KEYS[i])
  if not held or string.sub(held, (string.find(held, ' ', 1, true) or 0) + 1) == ARGV[1] then
    token = token + 1
    redis.call('SET', KEYS[i], string.format('%.0f', token) .. ' ' .. ARGV[1], 'PX', ARGV[2])
    answer[i - 1] = string.format('%.0f', token)
  else
    answer[i - 1] = '0'
  end
end
redis.call('SET', KEYS[1], string.format('%.0f', token))
return answer
"""
)

# KEYS: the locks. ARGV: milliseconds, then the value of each. Answers 1 for each that was still there.
_RENEW = Script(
    """
local answer = {}
for i = 1, #KEYS do
  answer[i] = 0
  if redis.call('GET', KEYS[i]) == ARGV[i + 1] then
    answer[i] = redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
end
return answer
"""
)

# KEYS: the locks. ARGV: the value of each. Answers 1 for each that was still there.
_RELEASE = Script(
    """
local answer = {}
for i = 1, #KEYS do
  answer[i] = 0
  if redis.call('GET', KEYS[i]) == ARGV[i] then
    answer[i] = redis.call('DEL', KEYS[i])
  end
end
return answer
"""
)


class RedisLocks:
    """See hub.ports.Locks."""

    def __init__(self, cache: RedisCache) -> None:
        self._cache = cache

    async def acquire(self, names: Sequence[str], owner: str, ttl: float) -> dict[str, int]:
        if not names:
            return {}
        tokens = await self._cache.run(_ACQUIRE, [_COUNTER, *names], owner, _milliseconds(ttl))
        return {name: int(token) for name, token in zip(names, tokens, strict=True) if token != b"0"}

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        if not held:
            return set()
        values = [value_of(owner, token) for token in held.values()]
        return _those(held, await self._cache.run(_RENEW, list(held), _milliseconds(ttl), *values))

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        if not held:
            return set()
        values = [value_of(owner, token) for token in held.values()]
        return _those(held, await self._cache.run(_RELEASE, list(held), *values))

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Locks]:
        cache = self._cache.again()
        try:
            yield RedisLocks(cache)
        finally:
            await cache.close()


def _those(held: Mapping[str, int], answers: Sequence[int]) -> set[str]:
    return {name for name, answer in zip(held, answers, strict=True) if answer}


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))
