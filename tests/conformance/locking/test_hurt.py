"""Locks on a server that is emptied, killed, restarted, frozen; and what the hub makes of it."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from hub.cache import CacheSettings, open_cache
from hub.clock import SystemClock
from hub.errors import CacheUnavailable
from hub.locking import CacheMode, open_locks
from hub.locking.mode import ModalLocks
from tests.conformance.locking.conftest import TIMEOUT, Backend
from tests.servers import RedisService, SentinelService


async def test_an_emptied_server_forgets_and_its_tokens_grow_on(own_backend: Backend) -> None:
    assert own_backend.server is not None
    one, other = own_backend.client(), own_backend.client()
    before = await one.acquire(["a"], "one", 30)
    own_backend.server.flush()
    assert await one.renew(before, "one", 30) == set()
    after = await other.acquire(["a"], "other", 30)
    assert after["a"] > before["a"]
    # One that slept through it cannot touch what another has now.
    assert await one.release(before, "one") == set()
    assert await one.acquire(["a"], "one", 30) == {}


@pytest.mark.parametrize("orderly", [True, False], ids=["restarted", "killed"])
async def test_a_restarted_server_is_found_again(own_backend: Backend, orderly: bool) -> None:
    assert own_backend.server is not None
    locks = own_backend.client()
    before = await locks.acquire(["a"], "one", 30)
    await asyncio.to_thread(own_backend.server.stop if orderly else own_backend.server.kill9)
    with pytest.raises(CacheUnavailable):
        await locks.acquire(["a"], "one", 30)
    await asyncio.to_thread(own_backend.server.start)
    after = await locks.acquire(["a"], "one", 30)
    assert after["a"] > before["a"]


async def test_a_frozen_server_costs_one_time_limit(own_backend: Backend) -> None:
    assert own_backend.server is not None
    locks = own_backend.client()
    held = await locks.acquire(["a"], "one", 30)
    own_backend.server.sigstop()
    try:
        for call in (locks.acquire(["b"], "one", 30), locks.renew(held, "one", 30), locks.release(held, "one")):
            began = time.monotonic()
            with pytest.raises(CacheUnavailable):
                await call
            assert time.monotonic() - began < 2 * TIMEOUT
    finally:
        own_backend.server.sigcont()
    # What was asked for meanwhile may or may not have happened; no answer of then is taken for one of now.
    async with asyncio.timeout(30):
        for number in range(20):
            names = [f"{number}-{index}" for index in range(number + 1)]
            held = await locks.acquire(names, "one", 30)
            assert list(held) == names
            assert await locks.release(held, "one") == set(names)


async def test_losing_it_is_said_once_and_it_is_taken_back_by_itself(
    own_backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    assert own_backend.server is not None
    caplog.set_level(logging.INFO, "hub.cache")
    cache = open_cache(own_backend.settings)
    mode = CacheMode(cache, SystemClock())
    back = asyncio.Event()
    mode.when_found(back.set)
    locks = ModalLocks(open_locks(cache), mode)
    await mode.start()
    try:
        assert mode.state() | {"since": None} == {
            "mode": "distributed", "adapter": own_backend.adapter, "reachable": True, "since": None,
        }  # fmt: skip
        held = await locks.acquire(["a"], "one", 30)
        own_backend.server.sigstop()
        back.clear()
        began = time.monotonic()
        granted = await asyncio.gather(*(locks.acquire(["a", "b"], "other", 30) for _ in range(10)))
        assert time.monotonic() - began < 2 * TIMEOUT
        assert granted == [{"a": 0, "b": 0}] * 10
        began = time.monotonic()
        for _ in range(100):
            assert await locks.acquire(["a"], "other", 30) == {"a": 0}
            assert await locks.release(held, "one") == set()
        assert time.monotonic() - began < 10 * TIMEOUT  # if each waited it would be two hundred
        assert mode.state()["mode"] == "single-instance"
        own_backend.server.sigcont()
        async with asyncio.timeout(30):
            await back.wait()
        assert mode.state()["mode"] == "distributed"
        assert await locks.acquire(["c"], "one", 30) != {"c": 0}
    finally:
        await mode.stop()
    lost = [record for record in caplog.records if record.levelno == logging.WARNING and record.name == "hub.cache"]
    assert len(lost) == 1
    assert "single-instance mode" in lost[0].getMessage()
    assert sum("is there" in record.getMessage() for record in caplog.records) == 2


async def test_a_cache_that_was_never_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hub.cache")
    cache = open_cache(CacheSettings(adapter="redis", url="redis://127.0.0.1:1/0", timeout=TIMEOUT))
    mode = CacheMode(cache, SystemClock())
    locks = ModalLocks(open_locks(cache), mode)
    await mode.start()
    try:
        assert await locks.acquire(["a"], "one", 30) == {"a": 0}
        assert mode.state()["mode"] == "single-instance"
    finally:
        await mode.stop()
    assert "single-instance mode" in caplog.text


# --- ways to a server ------------------------------------------------------------------------------------------------


@pytest.mark.redis
async def test_behind_sentinels_the_master_is_found(own_redis: RedisService) -> None:
    with SentinelService(own_redis) as sentinel:
        nobody = "127.0.0.1:1"
        url = sentinel.url.replace("redis+sentinel://", f"redis+sentinel://{nobody},")
        cache = open_cache(CacheSettings(adapter="redis", url=url, timeout=2.0))
        try:
            assert list(await open_locks(cache).acquire(["a"], "one", 30)) == ["a"]
        finally:
            await cache.close()
        assert own_redis.say("EXISTS", "hub:a") == ":1"


@pytest.mark.redis
async def test_behind_tls_the_server_is_verified(tmp_path: Path) -> None:
    certificate, key = await _self_signed(tmp_path)
    with RedisService(tls=(certificate, key, certificate)) as server:
        trusting = open_cache(CacheSettings(adapter="redis", url=server.url, timeout=2.0))
        doubting = open_cache(CacheSettings(adapter="redis", url=server.url.partition("?")[0], timeout=2.0))
        try:
            assert list(await open_locks(trusting).acquire(["a"], "one", 30)) == ["a"]
            with pytest.raises(CacheUnavailable, match=r"(?i)certificate"):
                await open_locks(doubting).acquire(["a"], "one", 30)
        finally:
            await trusting.close()
            await doubting.close()


async def _self_signed(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    return certificate, key
