"""What stands between a claim and its start."""

from __future__ import annotations

from typing import Any, cast

from hub.cache.memory import MemoryCache
from hub.clock import SystemClock
from hub.locking.memory import MemoryLocks
from hub.model import Claim
from hub.queue.admission import Admission
from hub.queue.attempt import Attempt, Host
from hub.queue.job_locks import JobLocks
from hub.queue.limit import Limit
from hub.queue.limit_rules import HandlerLimit, LimitRules


def claim(job_id: str, key: str | None = None, **fields: Any) -> Claim:
    values = {
        "fence": 1, "handler": "h", "payload": None, "contenttype": "application/json", "payloadencoding": "text",
        "queue": "default", "priority": 0, "maxretries": 3, "retrycount": 0, "crashcount": 0, "attemptbase": 0,
        "timeout": None, "metadata": None, "typeid": 2, "protocol": None, "direction": "internal", "method": None,
        "parentjobid": None, "traceparent": None, "unknownfor": 0.0,
    }  # fmt: skip
    return Claim(id=job_id, orderingkey=key, **{**values, **fields})


def attempts(*claims: Claim) -> list[Attempt]:
    return [Attempt(one, cast(Host, None), 0.0) for one in claims]


async def test_what_another_has_locked_waits_and_so_do_those_of_its_key() -> None:
    cache = MemoryCache()
    await MemoryLocks(cache).acquire(["job:second"], "zombie", 60)
    locks = JobLocks(MemoryLocks(cache), "here", 60)
    admission = Admission(SystemClock(), 20.0, locks)
    found = attempts(
        claim("first", "k"), claim("second", "k"), claim("third", "k"), claim("alone"), claim("other", "l")
    )
    delays = await admission.delays(found)
    assert set(delays) == {"first", "second", "third"}
    assert all(0 < delay <= 1.0 for delay in delays.values())
    assert locks.refused == 1
    # What waits lets go of what it had, so that whoever takes it next is not refused.
    admission.ended(found, soon=True)
    await admission.drain()
    assert len(locks) == 0
    held = await MemoryLocks(cache).acquire(["job:first", "job:second", "job:alone"], "next", 60)
    assert set(held) == {"job:first", "job:alone"}


async def test_a_lock_that_was_lost_is_taken_again_while_the_lease_is_renewed() -> None:
    cache = MemoryCache()
    locks = JobLocks(MemoryLocks(cache), "here", 60)
    assert await locks.take(["a", "b"]) == set()
    await cache.delete("job:a")
    async with locks.apart() as apart:
        await locks.renew(apart, ["a", "b"])
    assert await MemoryLocks(cache).acquire(["job:a", "job:b"], "other", 60) == {}
    locks.drop(["a", "b"], soon=True)
    await locks.drain()
    assert set(await MemoryLocks(cache).acquire(["job:a", "job:b"], "other", 60)) == {"job:a", "job:b"}


def test_a_handler_is_under_its_own_limit_and_its_queue_under_another() -> None:
    limit = Limit(concurrency=2)
    rules = LimitRules({"default": limit}, {"h": HandlerLimit(limit, "payload.customer")})
    assert rules
    assert not LimitRules({}, {})
    assert rules.of_queue(claim("a")) == ("queue:default", limit)
    assert rules.of_queue(claim("a", queue="free")) is None
    assert rules.of_handler(claim("a", handler="free")) is None
    assert rules.of_handler(claim("a", payload='{"customer": "c-1"}')) == ("key:h:c-1", limit)
    assert rules.of_handler(claim("a", payload='{"customer": {"b": 1, "a": 2}}')) == ('key:h:{"a":2,"b":1}', limit)
    # Payloads that are no JSON, or lack the key, share one limit: they are not let through unseen.
    assert rules.of_handler(claim("a", payload="no json")) == ("key:h:null", limit)
    assert rules.of_handler(claim("a")) == ("key:h:null", limit)
    large = LimitRules({}, {"h": HandlerLimit(limit, "payload.total > `100`")})
    assert large.of_handler(claim("a", payload='{"total": "none"}')) == ("key:h:null", limit)
    long = rules.of_handler(claim("a", payload=f'{{"customer": "{"x" * 500}"}}'))
    assert long is not None
    assert len(long[0]) <= 255
