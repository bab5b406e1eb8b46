"""`/api/jobs`: the background job service's requests, as its document has them."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.http.rig import Serve

# The request of the document, to the letter.
DOCUMENTED = {
    "user_id": "123e4567-e89b-12d3-a456-426614174000",
    "resource_type": "ai_agent",
    "resource_id": "456e7890-e89b-12d3-a456-426614174001",
    "payload": '{"task": "process_data", "data": "example"}',
    "priority": 1,
    "scheduled_at": "2024-01-01T12:00:00Z",
    "max_retries": 3,
}


async def test_the_documented_request_runs_at_once_and_is_shown(serve: Serve) -> None:
    async with serve() as hub:
        answer = await hub.post("/api/jobs/create", DOCUMENTED)
        assert answer.status == 201
        job_id = answer.json()["job_id"]
        async with asyncio.timeout(30):
            assert await hub.seen.get() == {"task": "process_data", "data": "example"}
            while (found := (await hub.get(f"/api/jobs/{job_id}")).json())["status"] != "completed":
                pass
        expected = {
            "job_id": job_id,
            "status": "completed",
            "resource_type": "ai_agent",
            "resource_id": DOCUMENTED["resource_id"],
            "user_id": DOCUMENTED["user_id"],
            "payload": DOCUMENTED["payload"],
            "result": '{"seen":true}',
            "error": None,
            "priority": 1,
            "retry_count": 0,
            "max_retries": 3,
            "scheduled_at": "2024-01-01T12:00:00Z",
        }
        assert {name: found[name] for name in expected} == expected
        assert set(found) - set(expected) == {"created_at", "started_at", "completed_at"}
        (row,) = await hub.sql("SELECT typeid, timeout, metadata FROM queue_jobs")
        assert (row["typeid"], row["timeout"]) == (2, 600.0)


async def test_the_list_has_resource_jobs_alone_in_pages(serve: Serve) -> None:
    async with serve(work=False) as hub:
        made = []
        for number in range(5):
            kind = "ai_agent" if number % 2 else "client_agent"
            body = {"user_id": "u", "resource_type": kind, "resource_id": str(number)}
            made.append((await hub.post("/api/jobs/create", body)).json()["job_id"])
        await hub.post("/api/queue", {"handler": "other"})
        first = (await hub.get("/api/jobs", params={"limit": "3"})).json()
        rest = (await hub.get("/api/jobs", params={"limit": "3", "cursor": first["next"]})).json()
        assert [one["job_id"] for one in first["data"] + rest["data"]] == made[::-1]
        assert rest["next"] is None
        for params, count in (
            ({"resource_type": "ai_agent"}, 2),
            ({"status": "created"}, 5),
            ({"status": "completed"}, 0),
        ):
            assert len((await hub.get("/api/jobs", params=params)).json()["data"]) == count


async def test_types_that_share_a_handler_are_told_apart(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        for kind in ("client_agent", "other_client"):
            await hub.post("/api/jobs/create", {"user_id": "u", "resource_type": kind, "resource_id": "1"})
        found = (await hub.get("/api/jobs", params={"resource_type": "other_client"})).json()["data"]
        assert [one["resource_type"] for one in found] == ["other_client"]


async def test_a_page_is_full_however_many_jobs_of_others_lie_between(serve: Serve) -> None:
    async with serve(work=False) as hub:
        made = []
        for number in range(3):
            body = {"user_id": "u", "resource_type": "client_agent", "resource_id": str(number)}
            made.append((await hub.post("/api/jobs/create", body)).json()["job_id"])
            others = [hub.post("/api/queue", {"handler": "agents.client"}) for _ in range(5)]
            await asyncio.gather(*others)
        pages: list[list[str]] = []
        cursor: dict[str, str] = {}
        while not pages or cursor:
            asked = {"resource_type": "client_agent", "limit": "2", **cursor}
            page = (await hub.get("/api/jobs", params=asked)).json()
            pages.append([one["job_id"] for one in page["data"]])
            cursor = {"cursor": page["next"]} if page["next"] else {}
        assert pages == [[made[2], made[1]], [made[0]]]


async def test_the_types_own_settings_hold_unless_the_request_says_otherwise(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        body = {
            "user_id": "u",
            "resource_type": "ai_agent",
            "resource_id": "r",
            "workspace_id": "w",
            "payload": {"a": 1},
        }
        await hub.post("/api/jobs/create", body)
        (row,) = await hub.sql("SELECT maxretries, payload, metadata FROM queue_jobs")
        assert (row["maxretries"], row["payload"]) == (7, '{"a":1}')
        assert json.loads(row["metadata"])["workspace_id"] == "w"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"resource_type": "ai_agnt"}, "resource_type"),
        ({"resource_type": None}, "resource_type"),
        ({"user_id": 7}, "user_id"),
        ({"payload": "{not json"}, "payload"),
        ({"priority": 1.5}, "priority"),
        ({"priority": 2**31}, "priority"),
        ({"scheduled_at": "2024-01-01"}, "scheduled_at"),
        ({"max_retries": -1}, "max_retries"),
        ({"user": "x"}, "user"),
    ],
)
async def test_bad_fields_are_named(serve_one: Serve, change: dict[str, Any], field: str) -> None:
    async with serve_one(work=False) as hub:
        answer = await hub.post("/api/jobs/create", {**DOCUMENTED, **change})
        assert (answer.status, answer.problem()["field"]) == (422, field)
        assert await hub.rows() == 0
        if field == "resource_type" and change["resource_type"]:
            assert "ai_agent" in answer.problem()["detail"]
