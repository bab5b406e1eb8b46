"""configuration.json edited while the hub runs: good edits count, bad ones change nothing, nobody notices but in the
log."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub import Hub, handler
from hub.adapters.memory import MemoryAdapter
from hub.errors import NotFound
from hub.reload import Reloader

PATIENCE = 45.0


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

    async def shown(self) -> Any:
        """What GET /api/configuration answers."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.hub.addresses[0]}/api/configuration") as answer,
        ):
            return await answer.json()

    async def until(self, found: Callable[[], Any]) -> None:
        """Ask until it is so."""
        async with asyncio.timeout(PATIENCE):
            while not found():  # noqa: ASYNC110 - the watch tells nobody what it has seen
                await asyncio.sleep(0.02)

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

    file = tmp_path / "configured" / "configuration.json"
    file.parent.mkdir()
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
    shown = await edited.shown()
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


async def test_what_needs_a_restart_is_said_until_it_is_put_back(edited: Edited) -> None:
    before = edited.document
    jobs = {**before["jobs"], "lease": "7s", "queues": {"default": 2}}
    await edited.edit(http={"port": 1}, jobs=jobs, adapters={**before["adapters"], "live": {"type": "signalr"}})
    names = ["adapters.live", "http.port", "jobs.lease"]
    shown = await edited.shown()
    assert sorted(shown["$reload"]["restart"]) == names
    # What is shown is in force: the old port and lease, the new queue, and no listener that nobody opened.
    assert (shown["http"]["port"], shown["jobs"]["lease"], shown["jobs"]["queues"]["default"]["limit"]) == (0, 30.0, 2)
    assert "live" not in shown["adapters"]
    # Another edit, and one that cannot be read, take nothing of that back.
    await edited.edit(routes=[{**ORDERS, "handler": "second"}])
    assert sorted((await edited.shown())["$reload"]["restart"]) == names
    good = edited.file.read_text()
    edited.file.write_text(good[:-2])
    await edited.reloader.look()
    assert sorted((await edited.shown())["$reload"]["restart"]) == names
    edited.file.write_text(good)
    await edited.edit(http=before["http"], jobs={**jobs, "lease": "30s"}, adapters=before["adapters"])
    assert (await edited.shown())["$reload"]["restart"] == []


async def test_a_webhook_door_is_opened_and_closed(edited: Edited) -> None:
    before = edited.document
    side = {"name": "side", "from": "side-door", "handler": "second"}
    opened = await edited.edit(
        adapters={**before["adapters"], "side-door": {"type": "http"}}, routes=[*before["routes"], side]
    )
    assert (opened.applied, opened.restart) == (True, ())
    assert (await edited.post("side", 1))[0] == 202
    assert await edited.ran() == ("second", 1)
    await edited.edit(adapters={**before["adapters"], "side-door": {"type": "http", "enabled": False}})
    assert (await edited.post("side", 2))[0] == 404
    assert (await edited.post("orders", 3))[0] == 202


async def test_an_adapter_becomes_a_door(edited: Edited) -> None:
    document = edited.document
    await edited.edit(
        adapters={"web": {"type": "http"}, "plant": {"type": "http"}},
        routes=[ORDERS, {"name": "readings", "from": "plant", "handler": "second"}],
    )
    assert [(one["name"], one["type"]) for one in edited.hub.supervisor.view()] == [("web", "http"), ("plant", "http")]
    await edited.post("readings", 1)
    assert await edited.ran() == ("second", 1)
    await edited.edit(adapters=document["adapters"], routes=document["routes"])
    assert (await edited.post("readings", 1))[0] == 404
    await edited.memory("plant").deliver("r/1", b"2")
    assert await edited.ran() == ("first", 2)


async def test_workflows_follow(edited: Edited) -> None:
    flow = {"steps": [{"name": "one", "handler": "first"}, {"name": "two", "handler": "second", "after": ["one"]}]}
    made = await edited.edit(workflows={"flow": flow})
    assert (made.applied, made.restart, made.changed) == (True, (), ("workflows",))
    await edited.hub.start_workflow("flow", {"n": 1})
    assert [(await edited.ran())[0], (await edited.ran())[0]] == ["first", "second"]
    await edited.edit(workflows={"flow": {"steps": [{"name": "only", "handler": "second"}]}})
    await edited.hub.start_workflow("flow", {"n": 2})
    assert (await edited.ran())[0] == "second"
    await edited.edit(workflows={})
    with pytest.raises(NotFound):
        await edited.hub.start_workflow("flow", {})


async def test_every_handler_that_nobody_knows_is_said(edited: Edited) -> None:
    reload = await edited.edit(
        schedules={"often": {"handler": "secnd", "interval": 1}},
        workflows={"flow": {"steps": [{"name": "one", "handler": "fist"}]}},
        jobs={"enabled": True, "workers": 7},
    )
    assert [fault.partition(":")[0] for fault in reload.faults] == [
        "schedules.often.handler",
        "workflows.flow.steps[0].handler",
    ]
    assert 'did you mean "second"?' in reload.faults[0]
    assert (await edited.shown())["jobs"]["workers"] == 2


async def test_a_topic_that_no_broker_takes_is_a_bad_edit(edited: Edited) -> None:
    plant = {"type": "mqtt", "url": "mqtt://127.0.0.1:1", "enabled": False}
    route = {"name": "bad", "from": "m", "topic": "a/#/b", "handler": "first"}
    document = edited.document
    reload = await edited.edit(adapters={**document["adapters"], "m": plant}, routes=[*document["routes"], route])
    assert not reload.applied
    assert reload.faults[0].startswith("routes[2].topic: ")


# --- the watch -------------------------------------------------------------------------------------------------------


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def as_vim_does(file: Path, text: str) -> None:
    os.rename(file, f"{file}~")
    file.write_text(text)
    os.remove(f"{file}~")


def gone_and_back(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def another_folder(file: Path, text: str) -> None:
    """As a volume that is mounted anew: the watch on the folder sees nothing of it."""
    new = file.parent.with_name("anew")
    new.mkdir()
    (new / file.name).write_text(text)
    os.rename(file.parent, file.parent.with_name("old"))
    os.rename(new, file.parent)


def by_a_link(file: Path, text: str) -> None:
    """As Kubernetes does with what it mounts: the file is a link through a link to a folder that is replaced."""
    new = file.parent / "..2026"
    new.mkdir()
    (new / file.name).write_text(text)
    os.symlink(new.name, file.parent / "..data")
    os.symlink(f"..data/{file.name}", file.with_suffix(".link"))
    os.replace(file.with_suffix(".link"), file)


@pytest.mark.parametrize("write", [in_place, as_vim_does, gone_and_back, another_folder, by_a_link])
async def test_however_it_is_written_it_is_seen(edited: Edited, write: Callable[[Path, str], None]) -> None:
    edited.reloader.start()
    edited.write(routes=[{**ORDERS, "handler": "second"}])
    await edited.until(lambda: edited.hub.configuration.routes[0].handler == "second")
    write(edited.file, json.dumps({**edited.document, "routes": [{**ORDERS, "priority": 3}]}))
    await edited.until(lambda: edited.hub.configuration.routes[0].priority == 3)
    # And the next one, which comes by the folder that is there now.
    edited.write(routes=[{**ORDERS, "priority": 4}])
    await edited.until(lambda: edited.hub.configuration.routes[0].priority == 4)
    if write is by_a_link:
        return
    edited.file.unlink()
    await edited.until(lambda: edited.reloader.last is not None and not edited.reloader.last.applied)
    assert "there is no file" in edited.reloader.last.faults[0]
    await edited.post("orders", 1)
    assert await edited.ran() == ("first", 1)


async def test_a_folder_that_is_away_for_a_while_is_found_again(edited: Edited) -> None:
    edited.reloader.start()
    edited.write(routes=[{**ORDERS, "handler": "second"}])
    await edited.until(lambda: edited.hub.configuration.routes[0].handler == "second")
    folder, away = edited.file.parent, edited.file.parent.with_name("away")
    folder.rename(away)
    await edited.until(lambda: edited.reloader.last is not None and not edited.reloader.last.applied)
    (away / edited.file.name).write_text(
        json.dumps({**json.loads((away / edited.file.name).read_text()), "routes": []})
    )
    away.rename(folder)
    await edited.until(lambda: edited.hub.configuration.routes == ())
    edited.write(routes=[ORDERS])
    await edited.until(lambda: len(edited.hub.configuration.routes) == 1)


async def test_an_edit_between_the_load_and_the_watch_is_seen(edited: Edited) -> None:
    edited.write(routes=[{**ORDERS, "handler": "second"}])
    edited.reloader.start()
    await edited.until(lambda: edited.hub.configuration.routes[0].handler == "second")


async def test_without_an_edit_there_is_nothing_to_tell(edited: Edited) -> None:
    edited.reloader.start()
    (edited.file.parent / "other.txt").write_text("not ours")
    edited.write(templates={"t": {"handler": "first"}})
    await edited.until(lambda: edited.reloader.last is not None)
    assert edited.reloader.last is not None
    assert edited.reloader.last.changed == ("templates, resource types, alerts",)


async def test_thirty_edits_in_a_second_end_with_the_last(edited: Edited) -> None:
    edited.reloader.start()
    for number in range(30):
        edited.write(routes=[{**ORDERS, "priority": number}])
        await asyncio.sleep(0.03)
    await edited.until(lambda: edited.hub.configuration.routes[0].priority == 29)


async def test_an_edited_template_counts_at_once(edited: Edited) -> None:
    made = await edited.edit(templates={"hello": {"handler": "first", "payload": {"to": "you", "n": 1}}})
    assert (made.applied, made.restart) == (True, ())
    await edited.hub.enqueue_template("hello", {"to": "me"})
    assert await edited.ran() == ("first", {"to": "me", "n": 1})
    await edited.edit(templates={"hello": {"handler": "second"}})
    await edited.hub.enqueue_template("hello")
    assert await edited.ran() == ("second", None)
