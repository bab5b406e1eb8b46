"""configuration.json edited while the hub runs: good edits count, bad ones change nothing, nobody notices but in the
log."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub import Hub, handler
from hub.adapters.memory import MemoryAdapter
from hub.reload import Reloader

PATIENCE = 20.0


class Edited:
    """A hub beside its file. `seen`: (handler, payload) as they ran."""

    def __init__(self, hub: Hub, file: Path, reloader: Reloader, seen: "asyncio.Queue[tuple[str, Any]]") -> None:
        self.hub = hub
        self.file = file
        self.reloader = reloader
        self.seen = seen

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def write(self, **sections: Any) -> None:
        """As an editor does: a new file in the place of the old one."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({**self.document, **sections}))
        os.replace(new, self.file)

    async def edit(self, **sections: Any) -> Any:
        self.write(**sections)
        return await self.reloader.look()

    async def post(self, route: str, value: Any) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.hub.addresses[0]}/webhooks/{route}", json=value) as answer,
        ):
            return answer.status, await answer.json()

    async def ran(self) -> tuple[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return await self.seen.get()

    def memory(self, name: str) -> MemoryAdapter:
        adapter = self.hub.adapters[name]
        assert isinstance(adapter, MemoryAdapter)
        return adapter


ORDERS = {"name": "orders", "from": "web", "handler": "first"}


@pytest.fixture
async def edited(tmp_path: Path) -> AsyncIterator[Edited]:
    seen: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    @handler("first")
    async def first(payload: Any) -> None:
        seen.put_nowait(("first", payload))

    @handler("second")
    async def second(payload: Any) -> None:
        seen.put_nowait(("second", payload))

    file = tmp_path / "configuration.json"
    document = {
        "database": {"url": f"sqlite:///{tmp_path / 'hub.db'}"},
        "http": {"port": 0},
        "jobs": {"enabled": True, "workers": 2},
        "adapters": {"web": {"type": "http"}, "plant": {"type": "memory"}},
        "routes": [ORDERS, {"name": "readings", "from": "plant", "topic": "r/*", "handler": "first"}],
    }
    file.write_text(json.dumps(document))
    async with Hub.from_file(file, environ={}, handlers=[first, second]) as hub:
        reloader = Reloader(hub, file, {})
        try:
            yield Edited(hub, file, reloader, seen)
        finally:
            await reloader.stop()


async def test_a_route_leads_elsewhere_from_now_on(edited: Edited) -> None:
    await edited.post("orders", 1)
    assert await edited.ran() == ("first", 1)
    reload = await edited.edit(routes=[{**ORDERS, "handler": "second"}, {**ORDERS, "name": "new"}])
    assert (reload.applied, reload.faults, reload.restart) == (True, (), ())
    await edited.post("orders", 2)
    assert await edited.ran() == ("second", 2)
    assert (await edited.post("new", 3))[0] == 202
    assert await edited.ran() == ("first", 3)


async def test_the_file_is_watched(edited: Edited) -> None:
    edited.reloader.start()
    async with asyncio.timeout(PATIENCE):
        while edited.reloader.last is None:  # until the watch has begun, an edit may go unseen
            edited.write(routes=[{**ORDERS, "handler": "second"}])
            await asyncio.sleep(0.2)
    await edited.post("orders", 1)
    assert await edited.ran() == ("second", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "configuration.json"),
        ('{"routes": [', "configuration.json"),
        ('{"routes": [{"name": "orders", "from": "wen", "handler": "first"}]}', "routes[0].from"),
        (
            '{"adapters": {"web": {"type": "http"}}, "routes": [{"name": "o", "from": "web", "handler": "no"}]}',
            "handler",
        ),
        ('{"jobs": {"workers": "many"}}', "jobs.workers"),
        ('{"adapters": {"x": {"type": "nats"}}}', "adapters.x"),
    ],
)
async def test_a_bad_edit_changes_nothing_and_says_why(edited: Edited, text: str, said: str) -> None:
    before = edited.file.read_text()
    edited.file.write_text(text)
    reload = await edited.reloader.look()
    assert not reload.applied
    assert any(said in fault for fault in reload.faults), reload.faults
    await edited.post("orders", 1)
    assert await edited.ran() == ("first", 1)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{edited.hub.addresses[0]}/api/configuration") as answer,
    ):
        shown = await answer.json()
    assert shown["$reload"]["applied"] is False
    assert shown["routes"][0]["handler"] == "first"
    edited.file.write_text(before)
    assert (await edited.reloader.look()).applied


async def test_an_adapter_comes_and_goes_and_the_others_stay_connected(edited: Edited) -> None:
    plant = edited.memory("plant")
    line = {"name": "line", "from": "line", "topic": "l", "handler": "second"}
    document = edited.document
    await edited.edit(adapters={**document["adapters"], "line": {"type": "memory"}}, routes=[*document["routes"], line])
    assert edited.memory("plant") is plant
    await edited.memory("line").deliver("l", b"1")
    assert await edited.ran() == ("second", 1)
    sent = await edited.hub.enqueue("publish", {"n": 1}, metadata={"to": "line", "topic": "out"})
    async with asyncio.timeout(PATIENCE):
        assert [message.id for message in await edited.memory("line").received(1)] == [sent]
    states = {one["name"]: one for one in edited.hub.supervisor.view()}
    assert states["plant"]["reconnects"] == 0
    await edited.edit(adapters=document["adapters"], routes=document["routes"])
    assert "line" not in {one["name"] for one in edited.hub.supervisor.view()}
    await plant.deliver("r/1", b"2")
    assert await edited.ran() == ("first", 2)


async def test_workers_and_queues_follow(edited: Edited) -> None:
    await edited.edit(jobs={"enabled": True, "workers": 7, "queues": {"default": 3, "critical": 4}})
    state = edited.hub.engine.pool.state()
    assert (state["default"]["limit"], state["critical"]["limit"]) == (3, 4)
    await edited.post("orders", 1)
    assert await edited.ran() == ("first", 1)


async def test_schedules_follow(edited: Edited) -> None:
    await edited.edit(schedules={"often": {"handler": "second", "interval": 1, "payload": {"tick": True}}})
    assert await edited.ran() == ("second", {"tick": True})


async def test_what_needs_a_restart_is_said(edited: Edited) -> None:
    reload = await edited.edit(http={"port": 1}, routes=[{**ORDERS, "handler": "second"}])
    assert (reload.applied, reload.restart) == (True, ("http.port",))
    await edited.post("orders", 1)
    assert await edited.ran() == ("second", 1)


async def test_edits_under_load_lose_nothing(edited: Edited) -> None:
    """Good edits and bad ones in turn, while messages come by two ways: each message runs once."""
    running = True
    posted, delivered = [], []

    async def by_http() -> None:
        while running:
            number = len(posted)
            status, _ = await edited.post("orders", {"http": number})
            assert status == 202
            posted.append(number)

    async def by_broker() -> None:
        while running:
            number = len(delivered)
            await edited.memory("plant").deliver("r/1", json.dumps({"broker": number}).encode())
            delivered.append(number)

    good = edited.file.read_text()
    load = [asyncio.create_task(by_http()), asyncio.create_task(by_broker())]
    for number in range(50):
        edited.file.write_text(good[: len(good) // 2] if number % 2 else good)
        if not number % 2:
            edited.write(
                routes=[
                    {**route, "handler": ("first", "second")[number // 2 % 2]} for route in edited.document["routes"]
                ],
                jobs={"enabled": True, "workers": 2 + number % 5},
            )
        assert (await edited.reloader.look()).applied is not bool(number % 2)
    running = False
    await asyncio.gather(*load)
    wanted = {("http", number) for number in posted} | {("broker", number) for number in delivered}
    assert posted
    assert delivered
    found = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < len(wanted):
            _, payload = await edited.seen.get()
            found.extend(payload.items())
    assert len(found) == len(wanted)
    assert set(found) == wanted


async def test_an_edited_template_counts_at_once(edited: Edited) -> None:
    made = await edited.edit(templates={"hello": {"handler": "first", "payload": {"to": "you", "n": 1}}})
    assert (made.applied, made.restart) == (True, ())
    await edited.hub.enqueue_template("hello", {"to": "me"})
    assert await edited.ran() == ("first", {"to": "me", "n": 1})
    await edited.edit(templates={"hello": {"handler": "second"}})
    await edited.hub.enqueue_template("hello")
    assert await edited.ran() == ("second", None)
