"""Adapters as an operator sees them: by the API, from the command line, in the metrics, before and while they run."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub import handler
from hub.adapters.memory import MemoryAdapter
from hub.app import Hub
from hub.config import build
from hub.errors import Rejected
from hub.testing import HubHarness, running_hub
from tests.integration.cli_project import CliProject, lines

SECTIONS: dict[str, Any] = {
    "adapters": {"erp": {"type": "memory"}, "off": {"type": "memory", "enabled": False}},
    "jobs": {"enable_metrics": True},
    "routes": [{"name": "in", "from": "erp", "topic": "orders", "handler": "taken"}],
}


@handler("taken")
async def taken(payload: Any) -> None:
    pass


@asynccontextmanager
async def hub(**sections: Any) -> AsyncIterator[tuple[HubHarness, MemoryAdapter, aiohttp.ClientSession]]:
    async with running_hub(handlers=[taken], configuration={**SECTIONS, **sections}) as harness:
        erp = harness.hub.adapters["erp"]
        assert isinstance(erp, MemoryAdapter)
        async with aiohttp.ClientSession(harness.url) as session, asyncio.timeout(20):
            yield harness, erp, session


async def test_the_state_of_an_adapter_is_told_and_counted() -> None:
    async with hub() as (harness, erp, session):
        await erp.deliver("orders", b"{}")
        await erp.deliver("unheard of", b"{}")
        job = await harness.enqueue("publish", {}, metadata={"to": "erp", "topic": "t"})
        await harness.wait(job)
        async with session.get("/api/adapters") as answer:
            [state, port] = (await answer.json())["data"]
        assert (port["name"], port["type"]) == ("web", "http")
        assert state.pop("lag") == {erp.broker.stream: 0}
        assert state == {
            "name": "erp", "type": "memory", "state": "connected", "last_error": None, "in_flight": 0, "received": 2,
            "published": 1, "quarantined": 1, "reconnects": 0,
        }  # fmt: skip
        async with session.get("/health") as answer:
            assert (await answer.json())["adapters"]["erp"]["state"] == "connected"
        async with session.get("/metrics") as answer:
            text = await answer.text()
        assert 'hub_adapter_up{adapter="erp"} 1.0' in text
        assert 'hub_adapter_received_total{adapter="erp"} 2.0' in text
        assert 'hub_circuit_open{to="erp"} 0.0' in text
        assert f'hub_adapter_lag{{adapter="erp",stream="{erp.broker.stream}"}} 0.0' in text


async def test_the_port_is_an_adapter_as_the_others() -> None:
    routes = [{"name": "in", "from": "web", "handler": "taken", "filter": "payload.wanted"}]
    async with (
        running_hub(
            handlers=[taken],
            configuration={
                "adapters": {"web": {"type": "http"}, "shut": {"type": "http", "enabled": False}},
                "jobs": {"enable_metrics": True},
                "routes": routes,
            },
        ) as harness,
        aiohttp.ClientSession(harness.url) as session,
    ):
        for payload, status in (({"wanted": True}, 202), ({"wanted": False}, 202), (b"{", 400)):
            given = {"data": payload} if isinstance(payload, bytes) else {"json": payload}
            async with session.post("/webhooks/in", headers={"Content-Type": "application/json"}, **given) as answer:
                assert answer.status == status
        async with session.get("/api/adapters") as answer:
            [state] = (await answer.json())["data"]
        assert state == {
            "name": "web", "type": "http", "state": "connected", "last_error": None, "lag": {}, "in_flight": 0,
            "received": 2, "published": 0, "quarantined": 0, "reconnects": 0,
        }  # fmt: skip
        async with session.get("/health") as answer:
            assert (await answer.json())["adapters"]["web"]["state"] == "connected"
        async with session.get("/metrics") as answer:
            text = await answer.text()
        assert 'hub_adapter_up{adapter="web"} 1.0' in text
        assert 'hub_adapter_received_total{adapter="web"} 2.0' in text


async def test_a_message_is_published_by_the_api() -> None:
    async with hub() as (harness, erp, session):
        body = {"topic": "orders.accepted", "payload": {"id": 7}, "key": "7", "headers": {"kind": "order"}}
        async with session.post("/api/publish/erp", json=body) as answer:
            assert answer.status == 202
            job_id = (await answer.json())["job_id"]
        [message] = await erp.received(1)
        assert (message.id, message.topic, message.key, message.body) == (job_id, "orders.accepted", "7", b'{"id":7}')
        assert message.headers == {"kind": "order", "hub-message-id": job_id}
        row = await harness.wait(job_id)
        assert (row["direction"], row["orderingkey"], row["createdby"], row["protocol"]) == (
            "outbound",
            "erp/orders.accepted/7",
            "local",
            "memory",
        )


async def test_a_message_to_a_destination_is_taken_by_the_api() -> None:
    destinations = {"crm": {"url": "https://crm.example/hooks"}}
    async with running_hub(
        handlers=[taken], configuration={**SECTIONS, "destinations": destinations}, roles=["api"]
    ) as harness:
        async with aiohttp.ClientSession(harness.url) as session, asyncio.timeout(20):
            for to in ("crm", "erp"):  # whether this instance sends to it or not
                async with session.post(f"/api/publish/{to}", json={"topic": "t"}) as answer:
                    assert answer.status == 202, await answer.text()
        rows = (await harness.hub.records.jobs())[0]
        assert {(row["metadata"]["to"], row["protocol"]) for row in rows} == {("crm", "http"), ("erp", "memory")}


@pytest.mark.parametrize(
    ("adapter", "body", "status", "field"),
    [
        ("nowhere", {"topic": "t"}, 404, None),
        ("off", {"topic": "t"}, 404, None),
        ("erp", {}, 422, "topic"),
        ("erp", {"topic": ""}, 422, "topic"),
        ("erp", {"topic": "t", "key": "k" * 256}, 422, "key"),
        ("erp", {"topic": "t", "headers": {"a": 1}}, 422, "headers"),
        ("erp", {"topic": "t", "more": 1}, 422, "more"),
    ],
)
async def test_what_cannot_be_published_is_refused(
    adapter: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    async with hub() as (harness, _, session):
        async with session.post(f"/api/publish/{adapter}", json=body) as answer:
            problem = await answer.json()
        assert (answer.status, problem.get("field")) == (status, field), problem
        assert (await harness.hub.records.jobs())[0] == []


async def test_who_cannot_publish_is_told_why() -> None:
    async with hub() as (_, _, session):
        said = []
        for adapter in ("off", "epr"):
            async with session.post(f"/api/publish/{adapter}", json={"topic": "t"}) as answer:
                said.append((await answer.json())["detail"])
    assert said[0] == "the adapter 'off' is switched off: adapters.off.enabled is false"
    assert said[1] == "there is no adapter or destination 'epr' that sends; did you mean \"erp\"?"


async def test_configuration_and_routes_are_shown_without_secrets(sqlite_url: str) -> None:
    document = {
        **SECTIONS,
        "http": {"port": 0},
        "adapters": {
            **SECTIONS["adapters"],
            "plant": {"type": "mqtt", "url": "mqtt://127.0.0.1:1", "password": "${env:PASSWORD}"},
        },
    }
    configuration = build(document, {"DATABASE_URL": sqlite_url, "PASSWORD": "xyzzy"})
    async with Hub(configuration, handlers=[taken]) as one, aiohttp.ClientSession(one.addresses[0]) as session:
        async with session.get("/api/configuration") as answer:
            text = await answer.text()
        assert json.loads(text)["adapters"]["plant"]["password"] == "${env:PASSWORD}"
        assert "xyzzy" not in text
        async with session.get("/api/routes") as answer:
            [route] = (await answer.json())["data"]
        assert (route["name"], route["from"], route["topic"]) == ("in", "erp", "orders")


def test_an_adapter_that_cannot_be_made_names_its_place(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        "[hub.adapters]\nbroken = no_such_module:make\nfussy = fussy_adapter:make\n"
    )
    (tmp_path / "fussy_adapter.py").write_text(
        "from hub.errors import Rejected\n\n\ndef make(name, settings, context):\n"
        '    raise Rejected("folder: there is none", field="folder")\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    environment = {"DATABASE_URL": sqlite_url}
    with pytest.raises(Rejected, match="no_such_module") as refused:
        Hub(build({"adapters": {"a": {"type": "broken"}}}, environment))
    assert refused.value.field == "adapters.a.type"
    with pytest.raises(Rejected, match="there is none") as refused:
        Hub(build({"adapters": {"a": {"type": "fussy", "folder": "x"}}}, environment))
    assert refused.value.field == "adapters.a.folder"


# --- the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def project(sqlite_url: str, tmp_path: Path) -> CliProject:
    made = CliProject(tmp_path, sqlite_url, **SECTIONS)
    assert made.hub("migrate").exit_code == 0
    return made


def test_a_message_is_published_from_the_command_line(project: CliProject) -> None:
    job_id = project.ok("publish", "erp", "t", '{"id": 7}', "--key", "7", "--header", "kind=order").strip()
    row = project.json("jobs", "show", job_id)
    assert (row["handler"], row["queue"], row["direction"]) == ("publish", "external", "outbound")
    assert row["protocol"] == "memory"
    assert (row["orderingkey"], row["payload"]) == ("erp/t/7", '{"id": 7}')
    assert row["metadata"] == {"to": "erp", "topic": "t", "key": "7", "headers": {"kind": "order"}}


def test_a_message_to_a_destination_is_published_from_the_command_line(project: CliProject) -> None:
    project.configure(destinations={"crm": {"url": "https://crm.example/hooks"}})
    row = project.json("jobs", "show", project.ok("publish", "crm", "t", "{}").strip())
    assert (row["metadata"]["to"], row["protocol"]) == ("crm", "http")


def test_lines_are_published(project: CliProject) -> None:
    counts = project.json("publish", "erp", "t", "--lines", "-", input=lines(['{"n": 1}', "no JSON", '{"n": 2}']))
    assert (counts["enqueued"], [each["line"] for each in counts["skipped"]]) == (2, [2])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("publish", "erpp", "t"), 'did you mean "erp"'),
        (("publish", "off", "t"), "adapters.off.enabled is false"),
        (("publish", "erp", "t", "--header", "kind"), "NAME=VALUE"),
        (("publish", "erp", "t", "no JSON"), "--text"),
    ],
)
def test_what_cannot_be_published_is_told(project: CliProject, words: tuple[str, ...], said: str) -> None:
    done = project.hub(*words)
    assert done.exit_code != 0
    assert said in done.output.replace("\n", " ")
    assert project.json("jobs", "list")["data"] == []


def test_check_says_which_adapter_cannot_be_reached_and_why(project: CliProject) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project.configure(adapters={"bus": {"type": "activemq", "url": f"stomp://127.0.0.1:{port}"}})
    done = project.hub("check", "--connect", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {one["adapter"]: one["reason"] is None for one in report["adapters"]} == {"erp": True, "bus": False}
    [fault] = [each for each in report["faults"] if each["part"] == "adapters"]
    assert fault["path"] == "adapters.bus"
    assert str(port) in fault["message"]
    assert "bus" in project.hub("check", "--connect").output


async def test_the_status_shows_adapters(project: CliProject) -> None:
    async with hub() as (harness, erp, _):
        await erp.deliver("orders", b"{}")
        project.configure(http={"port": int(harness.url.rpartition(":")[2])})
        assert (await asyncio.to_thread(project.json, "status"))["health"]["adapters"]["erp"]["received"] == 1
        shown = await asyncio.to_thread(project.ok, "status")
    assert "ADAPTER" in shown
    assert "connected" in shown
