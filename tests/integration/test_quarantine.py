"""A message that could not be worked on is kept; once the routes are mended it is sent through them again."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub import Hub, handler
from hub.adapters.memory import MemoryAdapter
from hub.config import build
from hub.reload import follow, prepare
from hub.testing import HubHarness

ROUTE = {"name": "orders", "from": "plant", "topic": "orders", "handler": "keeps", "map": "payload.order"}
OTHER = {"name": "copies", "from": "plant", "topic": "orders", "handler": "keeps", "all": True}


def document(url: str, *routes: dict[str, Any]) -> dict[str, Any]:
    return {
        "database": {"url": url},
        "jobs": {"enabled": True, "workers": 2, "poll_interval": "50ms", "max_retries": 0},
        "http": {"port": 0},
        "adapters": {"plant": {"type": "memory"}},
        "routes": list(routes),
    }


@handler("keeps")
async def keeps(payload: Any) -> Any:
    return payload


class Bench:
    def __init__(self, hub: Hub, url: str) -> None:
        self.hub = hub
        self.url = url
        self.harness = HubHarness(hub)

    async def deliver(self, body: bytes, topic: str = "orders") -> None:
        adapter = self.hub.adapters["plant"]
        assert isinstance(adapter, MemoryAdapter)
        await adapter.deliver(topic, body, key="k", headers={"x-tenant": "a"})

    async def dead(self) -> list[Any]:
        page, _ = await self.hub.records.dead()
        return list(page)

    async def bad(self) -> Any:
        """The one dead letter, once it is there."""
        async with asyncio.timeout(20):
            while not (found := await self.dead()):  # noqa: ASYNC110 - a state that an operator polls, too
                await asyncio.sleep(0.02)
        (row,) = found
        return row

    async def mend(self, *routes: dict[str, Any]) -> None:
        new = build(document("sqlite://", *routes), {"DATABASE_URL": self.url})
        await follow(self.hub, prepare(self.hub, new))

    async def redriven(self, job_id: str) -> Any:
        assert await self.hub.records.redrive([job_id]) == 1
        return await self.ended(job_id)

    async def ended(self, job_id: str) -> Any:
        row = await self.harness.wait(job_id)
        return {**row, "result": None if row["result"] is None else json.loads(row["result"])}


@pytest.fixture(params=["sqlite_url", "postgres_url", "mariadb_url"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    url: str = request.getfixturevalue(request.param)
    configuration = build(document("sqlite://", ROUTE), {"DATABASE_URL": url})
    async with Hub(configuration, handlers=[keeps]) as hub:
        yield Bench(hub, url)


@pytest.mark.parametrize("body", [b'{"total": 5, "note": "cut \\ud83d"}', b'{"total": 5, "celsius": NaN}'])
async def test_json_that_cannot_be_read_is_kept_and_does_not_fall_to_the_filter(bench: Bench, body: bytes) -> None:
    await bench.mend({**ROUTE, "filter": "payload.total > `0`"})
    await bench.deliver(body)
    bad = await bench.bad()
    assert bad["lasterror"].startswith("the body is not JSON")
    kept = await bench.hub.records.job(bad["id"])
    assert kept is not None
    assert kept["payload"] == body.decode()


async def test_the_mended_map_is_what_a_redrive_uses(bench: Bench) -> None:
    await bench.deliver(b'{"id": 7}')
    bad = await bench.bad()
    await bench.mend({**ROUTE, "map": "{id: payload.id}"})
    done = await bench.redriven(bad["id"])
    assert done["status"] == "completed"
    (child,) = done["result"]["jobs"]
    made = await bench.ended(child)
    assert (made["handler"], made["result"], made["parentjobid"]) == ("keeps", {"id": 7}, bad["id"])
    assert await bench.dead() == []


async def test_what_no_route_took_goes_by_the_new_one(bench: Bench) -> None:
    await bench.deliver(b"1", topic="returns")
    bad = await bench.bad()
    assert bad["handler"] == "system.unrouted"
    await bench.mend(ROUTE, {"name": "returns", "from": "plant", "topic": "returns", "handler": "keeps"})
    done = await bench.redriven(bad["id"])
    assert (await bench.ended(done["result"]["jobs"][0]))["result"] == 1


async def test_what_is_still_bad_stays_with_its_bytes(bench: Bench) -> None:
    await bench.deliver(b"\xff\x00")
    bad = await bench.bad()
    again = await bench.redriven(bad["id"])
    assert (again["status"], again["failure"]) == ("failed", "permanent")
    assert (again["payload"], again["payloadencoding"]) == (bad["payload"], "base64")
    assert await bench.hub.records.redrive([bad["id"]]) == 1, "and may be tried once more"


async def test_of_several_routes_only_the_one_that_failed_takes_it_again(bench: Bench) -> None:
    await bench.mend(OTHER, ROUTE)
    await bench.deliver(json.dumps({"id": 7}).encode())
    bad = await bench.bad()
    await bench.mend(OTHER, {**ROUTE, "map": "{id: payload.id}"})
    done = await bench.redriven(bad["id"])
    (child,) = done["result"]["jobs"]
    assert (await bench.ended(child))["result"] == {"id": 7}
