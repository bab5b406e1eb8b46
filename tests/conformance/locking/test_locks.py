"""What every implementation of the locks promises."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from hub.locking.none import NoLocks
from tests.conformance.locking.conftest import Backend

ROOT = Path(__file__).resolve().parents[3]


async def test_a_name_has_one_owner(backend: Backend) -> None:
    one, other = backend.client(), backend.client()
    held = await one.acquire(["a", "b"], "one", 30)
    assert set(held) == {"a", "b"}
    assert set(await other.acquire(["b", "c"], "other", 30)) == {"c"}


async def test_nothing_is_asked_for(backend: Backend) -> None:
    locks = backend.client()
    assert await locks.acquire([], "one", 30) == {}
    assert await locks.renew({}, "one", 30) == set()
    assert await locks.release({}, "one") == set()


async def test_its_owner_takes_it_anew_with_a_greater_token(backend: Backend) -> None:
    locks = backend.client()
    first = await locks.acquire(["a"], "one", 30)
    second = await locks.acquire(["a"], "one", 30)
    assert second["a"] > first["a"]
    # The first grant is over: what was begun with it can neither extend nor end the second.
    assert await locks.renew(first, "one", 30) == set()
    assert await locks.release(first, "one") == set()
    assert await locks.release(second, "one") == {"a"}


async def test_a_stranger_cannot_release_it(backend: Backend) -> None:
    one, other = backend.client(), backend.client()
    held = await one.acquire(["a"], "one", 30)
    assert await other.release(held, "other") == set()
    assert await other.renew(held, "other", 30) == set()
    assert await other.acquire(["a"], "other", 30) == {}
    assert await one.release(held, "one") == {"a"}
    assert set(await other.acquire(["a"], "other", 30)) == {"a"}


async def test_tokens_only_grow(backend: Backend) -> None:
    clients = [backend.client() for _ in range(3)]
    seen = 0
    for turn in range(30):
        owner = f"owner-{turn % 3}"
        held = await clients[turn % 3].acquire(["a", "b"], owner, 30)
        assert held["a"] != held["b"]
        assert min(held.values()) > seen
        seen = max(held.values())
        assert await clients[turn % 3].release(held, owner) == {"a", "b"}


async def test_many_in_one_call(backend: Backend) -> None:
    one, other = backend.client(), backend.client()
    names = [f"job:{number}" for number in range(500)]
    held = await one.acquire(names, "one", 30)
    assert len(set(held.values())) == 500
    assert await other.acquire(names, "other", 30) == {}
    assert await one.renew(held, "one", 30) == set(names)
    assert await one.release(held, "one") == set(names)


async def test_any_name_and_owner_will_do(backend: Backend) -> None:
    one, other = backend.client(), backend.client()
    names = ["with space", "\u00e4\u00f6\u2028\U0001f600", "x" * 1000, "x" * 1001, "line\r\nbreak"]
    held = await one.acquire(names, "an owner: with, all \u00e4 of\tit", 30)
    assert list(held) == names
    assert await other.acquire(names, "other", 30) == {}
    assert await one.release(held, "an owner: with, all \u00e4 of\tit") == set(names)


async def test_one_that_is_renewed_is_kept_and_one_that_is_not_runs_out(backend: Backend) -> None:
    ttl = 1.0 if backend.coarse else 0.3
    one, other = backend.client(), backend.client()
    held = await one.acquire(["kept", "left"], "one", ttl)
    taken: dict[str, int] = {}
    async with asyncio.timeout(30):
        while "left" not in taken:
            assert await one.renew({"kept": held["kept"]}, "one", max(ttl, 2.0)) == {"kept"}
            taken = await other.acquire(["kept", "left"], "other", 30)
            await asyncio.sleep(0.02)
    assert set(taken) == {"left"}
    assert taken["left"] > held["left"]
    assert await one.renew(held, "one", 30) == {"kept"}
    assert await one.release(held, "one") == {"kept"}


async def test_clients_contend(backend: Backend) -> None:
    """Ten clients of one process, each in turn inside, never two."""
    inside: list[str] = []
    tokens: list[int] = []

    async def fight(owner: str) -> None:
        locks = backend.client()
        rounds = 15
        while rounds:
            held = await locks.acquire(["ring"], owner, 30)
            if not held:
                await asyncio.sleep(0)
                continue
            assert inside == []
            inside.append(owner)
            tokens.append(held["ring"])
            await asyncio.sleep(0)
            inside.remove(owner)
            await locks.release(held, owner)
            rounds -= 1

    async with asyncio.timeout(30):
        await asyncio.gather(*(fight(f"owner-{number}") for number in range(10)))
    assert tokens == sorted(tokens)
    assert len(tokens) == 150


async def test_processes_contend(backend: Backend, tmp_path: Path) -> None:
    if backend.server is None:
        pytest.skip("locks in memory are for one process")
    journal = tmp_path / "journal"
    settings = msgspec.json.encode(backend.settings).decode()
    command = [sys.executable, "-m", "tests.conformance.locking.contender", settings, str(journal), "30"]
    fighters = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(3)]
    async with asyncio.timeout(60):
        assert [await one.wait() for one in fighters] == [0, 0, 0]
    words = [line.split() for line in journal.read_text().splitlines()]
    assert [word[0] for word in words] == ["in", "out"] * 90
    assert [into[1:] for into in words[::2]] == [out[1:] for out in words[1::2]]
    tokens = [int(word[1]) for word in words[::2]]
    assert tokens == sorted(set(tokens))


async def test_another_thread_renews(backend: Backend) -> None:
    one, other = backend.client(), backend.client()
    held = await one.acquire(["a"], "one", 30)

    async def renew() -> set[str]:
        async with one.apart() as locks:
            return await locks.renew(held, "one", 30)

    assert await asyncio.to_thread(asyncio.run, renew()) == {"a"}
    assert await other.acquire(["a"], "other", 30) == {}


async def test_without_locks_everybody_gets_them() -> None:
    locks = NoLocks()
    first, second = await locks.acquire(["a"], "one", 30), await locks.acquire(["a"], "other", 30)
    assert second["a"] > first["a"]
    assert await locks.renew(first, "one", 30) == await locks.release(first, "one") == {"a"}
