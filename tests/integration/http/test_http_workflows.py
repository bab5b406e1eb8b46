"""Workflows by HTTP: start, look, cancel, resume, signal."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hub import handler
from hub.errors import Permanent
from hub.testing import running_hub

WORKFLOWS = {
    "approval": {
        "steps": [
            {"name": "ask", "handler": "asked"},
            {"name": "approval", "wait_for": "approved", "after": ["ask"]},
            {"name": "act", "handler": "acted", "after": ["approval"]},
        ]
    }
}


@handler("asked")
async def asked() -> dict[str, int]:
    return {"asked": 1}


@handler("acted")
async def acted(context: dict[str, Any]) -> dict[str, str]:
    if context["by"] == "nobody":
        raise Permanent("nobody approved")
    return {"acted": "yes"}


@pytest.fixture
async def hub() -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        running_hub(handlers=[asked, acted], configuration={"workflows": WORKFLOWS}) as harness,
        aiohttp.ClientSession(base_url=f"{harness.url}/") as client,
    ):
        yield client


async def until(client: aiohttp.ClientSession, path: str, status: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = await (await client.get(path)).json()
            if found["status"] == status:
                return found
            await asyncio.sleep(0.02)


async def test_the_life_of_one(hub: aiohttp.ClientSession) -> None:
    answer = await hub.post("api/workflows/approval", json={"amount": 7})
    assert answer.status == 201
    workflow_id = (await answer.json())["workflow_id"]
    path = f"api/workflows/{workflow_id}"
    assert answer.headers["Location"] == f"/{path}"
    refused = await hub.post(f"{path}/resume")
    assert refused.status == 409
    assert (await hub.post(f"{path}/signals/unheard")).status == 404
    signalled = await hub.post(f"{path}/signals/approved", json={"by": "nobody"})
    assert (signalled.status, (await signalled.json())["workflow_id"]) == (202, workflow_id)
    failed = await until(hub, path, "failed")
    assert [(step["step_name"], step["status"]) for step in failed["steps"]] == [
        ("ask", "completed"), ("approval", "completed"), ("act", "failed"),
    ]  # fmt: skip
    assert set(failed["steps"][0]) >= {
        *("step_id", "step_name", "status", "input_data", "output_data", "error_message", "started_at", "completed_at"),
    }
    assert failed["context"] == {"amount": 7, "asked": 1, "by": "nobody"}
    resumed = await hub.post(f"{path}/resume")
    assert (resumed.status, (await resumed.json())["steps"]) == (200, ["act"])
    await until(hub, path, "failed")
    listed = await (await hub.get("api/workflows", params={"status": "failed", "type": "approval"})).json()
    assert [each["workflow_id"] for each in listed["data"]] == [workflow_id]
    assert listed["next"] is None


async def test_one_that_is_cancelled(hub: aiohttp.ClientSession) -> None:
    workflow_id = (await (await hub.post("api/workflows/approval")).json())["workflow_id"]
    assert (await hub.post(f"api/workflows/{workflow_id}/cancel")).status == 200
    assert (await hub.post(f"api/workflows/{workflow_id}/cancel")).status == 409
    assert (await until(hub, f"api/workflows/{workflow_id}", "cancelled"))["completed_at"] is not None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("api/workflows/unheard", {}, 404),
        ("api/workflows/approval", [1], 422),
        ("api/workflows/approval", {"x": "\0"}, 422),
        ("api/workflows/nobody/cancel", None, 404),
        ("api/workflows/nobody/signals/approved", {}, 404),
    ],
)
async def test_what_cannot_be_is_said(hub: aiohttp.ClientSession, path: str, body: Any, status: int) -> None:
    answer = await hub.post(path, json=body)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_lists_refuse_what_they_do_not_know(hub: aiohttp.ClientSession) -> None:
    for query in ({"status": "done"}, {"limit": "0"}, {"kind": "x"}):
        assert (await hub.get("api/workflows", params=query)).status == 422
    assert (await hub.get("api/workflows/nobody")).status == 404
