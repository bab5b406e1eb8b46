"""`/api/templates`: what the file prepared, and jobs started by it; unique keys by REST."""

import asyncio

from hub.config import build
from tests.integration.http.rig import Serve

TEMPLATES = {
    "report": {
        "handler": "seen",
        "queue": "default",
        "priority": 4,
        "max_retries": 2,
        "timeout": "90s",
        "description": "A report",
        "payload": {"region": "all", "format": {"type": "pdf", "pages": 3}},
    },
    "bare": {"handler": "seen"},
}


async def test_a_payload_is_merged_over_the_templates(serve: Serve) -> None:
    async with serve() as hub:
        hub.services.configuration = build({"templates": TEMPLATES}, {})
        answer = await hub.post("/api/templates/report", {"region": "north", "format": {"pages": 9}})
        assert answer.status == 201
        job_id = answer.json()["id"]
        assert answer.headers["Location"] == f"/api/queue/{job_id}"
        async with asyncio.timeout(30):
            assert await hub.seen.get() == {"region": "north", "format": {"type": "pdf", "pages": 9}}
        row = (await hub.get(f"/api/queue/{job_id}")).json()
        assert (row["handler"], row["queue"], row["priority"], row["maxretries"], row["timeout"]) == (
            *("seen", "default", 4, 2),
            90.0,
        )
        async with asyncio.timeout(30):
            await hub.call("POST", "/api/templates/report")
            assert await hub.seen.get() == {"region": "all", "format": {"type": "pdf", "pages": 3}}
            await hub.post("/api/templates/bare", [1])
            assert await hub.seen.get() == [1]


async def test_they_are_listed_and_an_unknown_one_is_not_found(serve_one: Serve) -> None:
    async with serve_one() as hub:
        hub.services.configuration = build({"templates": TEMPLATES}, {})
        listed = (await hub.get("/api/templates")).json()["data"]
        assert [one["name"] for one in listed] == ["report", "bare"]
        assert (listed[0]["description"], listed[0]["timeout"], listed[1]["payload"]) == ("A report", 90.0, None)
        missing = await hub.post("/api/templates/reprot", {})
        assert missing.status == 404
        assert "report" in missing.problem()["detail"]
        assert await hub.rows() == 0


async def test_a_unique_key_that_is_taken_is_answered_with_its_job(serve: Serve) -> None:
    async with serve(work=False) as hub:
        first = await hub.post("/api/queue", {"handler": "seen", "uniquekey": "k"})
        again = await hub.post("/api/queue", {"handler": "seen", "uniquekey": "k"})
        assert (first.status, again.status) == (201, 200)
        assert again.json() == {"id": first.json()["id"], "duplicate": True}
        assert (await hub.get(f"/api/queue/{first.json()['id']}")).json()["uniquekey"] == "k"
        both = await hub.post("/api/queue", {"handler": "seen", "uniquekey": "k", "dedupekey": "d"})
        assert (both.status, both.problem()["field"]) == (422, "uniquekey")
