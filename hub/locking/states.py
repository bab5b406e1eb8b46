"""The state of limits in Redis while it is there, else wherever else it is kept.

Invariant: a state is replaced only by one who has read it. What changes the place begins anew with what each instance
says it has: for the moment of the change a rate can be met twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.cache.redis import RedisCache, Script
from hub.errors import CacheUnavailable
from hub.locking.mode import CacheMode
from hub.ports.limits import Kept, States

_KEPT = 3600.0

# KEYS: the states. Answers seconds, microseconds, and each state as it is kept ('version state'), '' for none.
_READ = Script(
    """
local now = redis.call('TIME')
local answer = {now[1], now[2]}
for i = 1, #KEYS do
  answer[i + 2] = redis.call('GET', KEYS[i]) or ''
end
return answer
"""
)

# KEYS: the states. ARGV: milliseconds, then version and state of each. Answers 1 for each that was written.
_WRITE = Script(
    """
local answer = {}
for i = 1, #KEYS do
  local kept = redis.call('GET', KEYS[i])
  local version = kept and string.match(kept, '^%d+') or '0'
  answer[i] = 0
  if version == ARGV[2 * i] then
    redis.call('SET', KEYS[i], string.format('%.0f', version + 1) .. ' ' .. ARGV[2 * i + 1], 'PX', ARGV[1])
    answer[i] = 1
  end
end
return answer
"""
)


class RedisStates:
    """See hub.ports.limits.States. What nobody asks for during an hour is forgotten."""

    def __init__(self, cache: RedisCache) -> None:
        self._cache = cache

    async def read(self, names: Sequence[str]) -> tuple[float, dict[str, Kept]]:
        seconds, microseconds, *states = await self._cache.run(_READ, [f"limit:{name}" for name in names])
        now = int(seconds) + int(microseconds) / 1e6
        return now, {name: _kept(text.decode()) for name, text in zip(names, states, strict=True)}

    async def write(self, states: Mapping[str, Kept]) -> set[str]:
        arguments = [part for kept in states.values() for part in (kept.version, kept.state or "")]
        names = [f"limit:{name}" for name in states]
        written = await self._cache.run(_WRITE, names, round(_KEPT * 1000), *arguments)
        return {name for name, done in zip(states, written, strict=True) if done}

    async def forget(self) -> None:
        pass  # they expire


class ModalStates:
    """`shared` while the cache is there, `otherwise` when it is not."""

    def __init__(self, shared: States, otherwise: States, mode: CacheMode) -> None:
        self._shared = shared
        self._otherwise = otherwise
        self._mode = mode

    async def read(self, names: Sequence[str]) -> tuple[float, dict[str, Kept]]:
        if self._mode.reachable:
            try:
                return await self._shared.read(names)
            except CacheUnavailable as error:
                self._mode.lost(error)
        return await self._otherwise.read(names)

    async def write(self, states: Mapping[str, Kept]) -> set[str]:
        """A state that was read in one place and is to be written in the other finds another version there."""
        if self._mode.reachable:
            try:
                return await self._shared.write(states)
            except CacheUnavailable as error:
                self._mode.lost(error)
                return set()
        return await self._otherwise.write(states)

    async def forget(self) -> None:
        await self._otherwise.forget()


def _kept(text: str) -> Kept:
    version, _, state = text.partition(" ")
    return Kept(state or None, int(version or 0))
