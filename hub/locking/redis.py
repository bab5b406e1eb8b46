"""Locks in Redis: one script a call, whatever the number of names.

Invariant: a script runs whole or not at all, so that a name has one owner. Tokens come from a counter that never falls
behind the server's clock in microseconds: they grow even when the server has forgotten everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from hub.cache.redis import RedisCache, Script
from hub.ports import Locks

_COUNTER = "locks"

# Answers are short when all goes well, since most of a client's time would go into reading them: the places (from 0) of
# what was refused or lost, nothing of the rest.

# KEYS: the counter, then the locks. ARGV: owner, milliseconds. Answers the token of the first lock (each following has
# the next number, granted or not), then the places of those refused.
_ACQUIRE = Script(
    """
local now = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now[1] * 1000000 + now[2])
local answer = {string.format('%.0f', token + 1)}
local mine = ' ' .. ARGV[1]
for i = 2, #KEYS do
  token = token + 1
  local value = string.format('%.0f', token) .. mine
  if not redis.call('SET', KEYS[i], value, 'PX', ARGV[2], 'NX') then
    local held = redis.call('GET', KEYS[i])
    if string.sub(held, (string.find(held, ' ', 1, true))) == mine then
      redis.call('SET', KEYS[i], value, 'PX', ARGV[2])
    else
      answer[#answer + 1] = i - 2
    end
  end
end
redis.call('SET', KEYS[1], string.format('%.0f', token))
return answer
"""
)

# KEYS: the locks. ARGV: owner, milliseconds (0: release), then the token of each. Answers the places of those that were
# not there any more.
_CHANGE = Script(
    """
local answer = {}
local mine = ' ' .. ARGV[1]
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) ~= ARGV[i + 2] .. mine then
    answer[#answer + 1] = i - 1
  elseif ARGV[2] == '0' then
    redis.call('DEL', KEYS[i])
  else
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
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
        first, *refused = await self._cache.run(_ACQUIRE, [_COUNTER, *names], owner, _milliseconds(ttl))
        granted = dict(zip(names, count(int(first)), strict=False))
        for place in refused:
            del granted[names[place]]
        return granted

    async def renew(self, held: Mapping[str, int], owner: str, ttl: float) -> set[str]:
        return await self._change(held, owner, _milliseconds(ttl))

    async def release(self, held: Mapping[str, int], owner: str) -> set[str]:
        return await self._change(held, owner, 0)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[Locks]:
        cache = self._cache.again()
        try:
            yield RedisLocks(cache)
        finally:
            await cache.close()

    async def _change(self, held: Mapping[str, int], owner: str, milliseconds: int) -> set[str]:
        if not held:
            return set()
        names = list(held)
        lost = await self._cache.run(_CHANGE, names, owner, milliseconds, *held.values())
        return set(names).difference(names[place] for place in lost)


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))
