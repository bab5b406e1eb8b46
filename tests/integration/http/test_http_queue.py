"""`/api/queue`, `/api/histories`, `/api/dead`, `/api/statistics`: what is asked for, changed and refused."""

import asyncio
import io
from typing import Any

import pytest
from yarl import URL

from tests.integration.http.rig import Serve, Served

ABSENT = ["0", "-1", str(2**63), "nothing", "%00", "%ff", "a%2Fb", "x" * 300, "%F0%9F%98%80", "..%2F..%2Fetc"]


async def settled(hub: Served, job_id: str, status: str) -> Any:
    """The job once it has that status."""
    async with asyncio.timeout(30):
        while (found := (await hub.get(f"/api/queue/{job_id}")).json())["status"] != status:
            pass
    return found


async def test_a_job_goes_in_runs_and_is_shown_with_its_history(serve: Serve) -> None:
    async with serve() as hub:
        answer = await hub.post("/api/queue", {"handler": "seen", "payload": {"id": 7}, "priority": 3})
        assert answer.status == 201
        job_id = answer.json()["id"]
        assert answer.headers["Location"] == f"/api/queue/{job_id}"
        assert await hub.seen.get() == {"id": 7}
        found = await settled(hub, job_id, "completed")
        assert (found["id"], found["handler"], found["priority"], found["typeid"]) == (job_id, "seen", 3, 2)
        assert (found["payload"], found["result"], found["createdby"]) == ('{"id":7}', '{"seen":true}', "local")
        assert found["createdon"].endswith("Z")
        (history,) = found["histories"]
        assert (history["jobid"], history["statusid"], history["retryattempt"]) == (job_id, 3, 0)
        listed = (await hub.get("/api/histories", params={"job": job_id})).json()
        assert [one["id"] for one in listed["data"]] == [history["id"]]


async def test_a_list_goes_in_whole_or_not_at_all(serve: Serve) -> None:
    async with serve(work=False) as hub:
        answer = await hub.post("/api/queue", [{"handler": "seen", "payload": n} for n in range(3)])
        assert answer.status == 201
        ids = answer.json()["ids"]
        listed = (await hub.get("/api/queue")).json()["data"]
        assert [one["id"] for one in listed] == ids[::-1]
        bad = await hub.post("/api/queue", [{"handler": "seen"}, {"handler": "seen", "priority": "high"}])
        assert (bad.status, bad.problem()["field"]) == (422, "[1].priority")
        taken = await hub.post("/api/queue", [{"handler": "seen"}, {"handler": "seen", "id": ids[0]}])
        assert (taken.status, taken.problem()["code"], taken.problem()["field"]) == (409, "already-exists", "id")
        assert (await hub.post("/api/queue", [])).json() == {"ids": []}
        assert await hub.rows() == 3


async def test_an_id_that_is_taken_is_a_conflict_and_a_key_that_is_taken_a_repeat(serve: Serve) -> None:
    async with serve(work=False) as hub:
        assert (await hub.post("/api/queue", {"handler": "h", "id": "mine"})).status == 201
        assert (await hub.post("/api/queue", {"handler": "h", "id": "mine"})).status == 409
        first = await hub.post("/api/queue", {"handler": "h", "dedupekey": "k"})
        again = await hub.post("/api/queue", {"handler": "h", "dedupekey": "k"})
        assert (again.status, again.json()) == (200, {"id": first.json()["id"], "duplicate": True})
        assert await hub.rows() == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "handler"),
        ({"handler": ""}, 422, "handler"),
        ({"handler": 7}, 422, "handler"),
        ({"handler": "h" * 256}, 422, "handler"),
        ({"handler": "h", "status": 3}, 422, "status"),
        ({"handler": "h", "statusid": 3}, 422, "statusid"),
        ({"handler": "h", "priority": 2**31}, 422, "priority"),
        ({"handler": "h", "priority": "5"}, 422, "priority"),
        ({"handler": "h", "priority": True}, 422, "priority"),
        ({"handler": "h", "priority": 10**30}, 422, "priority"),
        ({"handler": "h", "maxretries": -1}, 422, "maxretries"),
        ({"handler": "h", "scheduledat": "tomorrow"}, 422, "scheduledat"),
        ({"handler": "h", "scheduledat": "2026-01-31T08:00:00"}, 422, "scheduledat"),
        ({"handler": "h", "scheduledat": "9999-12-31T23:59:59-14:00"}, 422, "scheduledat"),
        ({"handler": "h", "scheduledat": "2026-02-30T08:00:00Z"}, 422, "scheduledat"),
        ({"handler": "h", "scheduledat": "0001-01-01T00:00:00Z"}, 422, "scheduledat"),
        ({"handler": "h", "queue": "q" * 101}, 422, "queue"),
        ({"handler": "h", "orderingkey": ""}, 422, "orderingkey"),
        ({"handler": "h", "metadata": []}, 422, "metadata"),
        ({"handler": "h", "timeout": 0}, 422, "timeout"),
        ({"handler": "h", "id": "i" * 256}, 422, "id"),
        ("text", 422, None),
        ({"handler": "h\0"}, 422, "handler"),
        ({"handler": "h", "metadata": {"a": [1, {"b": "\0"}]}}, 422, "metadata.a[1].b"),
        ({"handler": "h", "metadata": {"\0": 1}}, 422, "metadata"),
        ({"\0": "h"}, 422, None),
        ([{"handler": "h"}, 5], 422, "[1]"),
        ([{"handler": "h"}, {"handler": "h", "queue": "\0"}], 422, "[1].queue"),
        ([{"handler": "h"}] * 1001, 422, "[]"),
    ],
)
async def test_bad_fields_are_named_and_nothing_goes_in(
    serve_one: Serve, body: Any, status: int, field: str | None
) -> None:
    async with serve_one(work=False) as hub:
        answer = await hub.post("/api/queue", body)
        assert (answer.status, answer.problem().get("field")) == (status, field)
        assert await hub.rows() == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 422),
        (b'{"handler": "h", "payload": NaN}', 400),
        ('{"handler": "h"}'.encode("utf-16"), 400),
        (b'{"handler": "h\\u0000"}', 422),
        (b'{"handler": "h", "payload": ' + b"[" * 40 + b"]" * 40 + b"}", 422),
        (b'{"handler": "h", "payload": 1e999}', 422),
        (b'{"handler": "h", "payload": ' + b"9" * 5000 + b"}", 422),
        (b" " * (2**20 + 1), 413),
    ],
    ids=["empty", "open", "null", "nan", "utf-16", "nul", "deep", "infinite", "digits", "large"],
)
async def test_bad_json_is_refused(serve_one: Serve, body: bytes, status: int) -> None:
    async with serve_one() as hub:
        answer = await hub.post("/api/queue", data=io.BytesIO(body), headers={"Content-Type": "application/json"})
        assert answer.status == status
        answer.problem()
        assert await hub.rows() == 0
        await hub.good()


PAYLOADS: list[Any] = [None, {"a": [1, 2.5, "ü", None]}, [], 12345678901234567890123, "plain text"]


async def test_every_kind_of_payload_arrives_as_it_was_said(serve_one: Serve) -> None:
    async with serve_one() as hub:
        for payload in PAYLOADS:
            await hub.post("/api/queue", {"handler": "seen", "payload": payload})
            assert await hub.seen.get() == payload
        await hub.post("/api/queue", {"handler": "seen", "payload": '{"json": "as text"}'})
        assert await hub.seen.get() == {"json": "as text"}


async def test_lists_are_pages(serve: Serve) -> None:
    async with serve(work=False) as hub:
        for queue, count in (("a", 3), ("b", 4)):
            await hub.post("/api/queue", [{"handler": f"h.{queue}", "queue": queue} for _ in range(count)])
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await hub.get("/api/queue", params={"limit": "3", **cursor})).json()
            seen += [one["id"] for one in page["data"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert len(seen) == len(set(seen)) == 7
        for params, count in (
            ({"queue": "a"}, 3),
            ({"handler": "h.b"}, 4),
            ({"status": "pending"}, 7),
            ({"status": "failed"}, 0),
            ({"since": "2020-01-01T00:00:00Z"}, 7),
            ({"since": "2099-01-01T00:00:00+02:00"}, 0),
        ):
            assert len((await hub.get("/api/queue", params=params)).json()["data"]) == count, params


@pytest.mark.parametrize("path", ["/api/queue", "/api/histories", "/api/dead", "/api/jobs"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=1000000000", "limit"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=1&limit=2", "limit"),
        ("nonsense=1", "nonsense"),
        ("since=yesterday", "since"),
        ("since=9999-12-31T23:59:59-14:00", "since"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "c" * 2000, "cursor"),
    ],
)
async def test_bad_parameters_are_named(serve_one: Serve, path: str, query: str, field: str) -> None:
    async with serve_one(work=False) as hub:
        answer = await hub.get(f"{path}?{query}")
        assert (answer.status, answer.problem()["field"]) == (422, field)


@pytest.mark.parametrize("cursor", ["x", "99999999999999999999", "-1", "1e3", "\u0663"])
async def test_a_cursor_of_nobody_is_refused_or_an_empty_page(serve: Serve, cursor: str) -> None:
    async with serve(work=False) as hub:
        for path in ("/api/queue", "/api/histories", "/api/dead", "/api/jobs"):
            assert (await hub.get(path, params={"cursor": cursor})).status in (200, 422)


@pytest.mark.parametrize("job_id", ABSENT)
async def test_an_id_is_opaque_text(serve: Serve, job_id: str) -> None:
    async with serve(work=False) as hub:
        for method, path in (
            ("GET", "/api/queue/{}"),
            ("POST", "/api/queue/{}/retry"),
            ("POST", "/api/queue/{}/cancel"),
            ("GET", "/api/jobs/{}"),
        ):
            url = URL(hub.server.address + path.format(job_id), encoded=True)
            async with hub.session.request(method, url) as response:
                assert response.status == 404, (method, path)
                assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_job_that_waits_is_cancelled_and_one_that_ended_is_not(serve: Serve) -> None:
    async with serve(work=False) as hub:
        job_id = (await hub.post("/api/queue", {"handler": "h"})).json()["id"]
        answer = await hub.post(f"/api/queue/{job_id}/cancel")
        assert (answer.status, answer.json()) == (200, {"id": job_id, "status": "cancelled"})
        again = await hub.post(f"/api/queue/{job_id}/cancel")
        assert (again.status, again.problem()["code"]) == (409, "conflict")
        found = (await hub.get(f"/api/queue/{job_id}")).json()
        assert (found["lasterror"], found["modifiedby"]) == ("cancelled by local", "local")


async def test_a_failed_job_is_dead_and_gets_its_second_chance(serve: Serve) -> None:
    async with serve() as hub:
        job_id = (await hub.post("/api/queue", {"handler": "seen", "payload": "fail"})).json()["id"]
        await settled(hub, job_id, "failed")
        (dead,) = (await hub.get("/api/dead")).json()["data"]
        assert (dead["id"], dead["failure"], dead["status"]) == (job_id, "exhausted", "failed")
        assert "asked to fail" in dead["lasterror"]
        answer = await hub.post(f"/api/queue/{job_id}/retry")
        assert (answer.status, answer.json()["status"]) == (200, "queued")
        found = await settled(hub, job_id, "failed")
        assert [history["retryattempt"] for history in found["histories"]] == [0, 1]
        assert (await hub.post("/api/dead/redrive", {"ids": [job_id, "nobody"]})).json() == {"redriven": 1}
        await settled(hub, job_id, "failed")
        assert (await hub.post("/api/dead/redrive", {"filter": {"handler": "other"}})).json() == {"redriven": 0}
        assert (await hub.post("/api/dead/redrive", {"filter": {"failure": "exhausted"}})).json() == {"redriven": 1}
        await settled(hub, job_id, "failed")


async def test_only_what_ended_badly_is_retried(serve: Serve) -> None:
    async with serve(work=False) as hub:
        job_id = (await hub.post("/api/queue", {"handler": "h"})).json()["id"]
        answer = await hub.post(f"/api/queue/{job_id}/retry")
        assert (answer.status, answer.problem()["code"]) == (409, "conflict")


async def test_why_a_job_is_not_retried_is_said(serve: Serve) -> None:
    async with serve(work=False) as hub:
        job = {"handler": "h", "uniquekey": "k"}
        first = (await hub.post("/api/queue", job)).json()["id"]
        answer = await hub.post(f"/api/queue/{first}/retry")
        assert answer.problem()["detail"] == "only failed and cancelled jobs are retried; this one is pending"
        await hub.post(f"/api/queue/{first}/cancel")
        assert (await hub.post("/api/queue", job)).status == 201
        answer = await hub.post(f"/api/queue/{first}/retry")
        taken = "another job of its handler has its unique key now"
        assert answer.problem()["detail"] == f"{taken}; this one is cancelled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": ["a"], "filter": {}}, "ids"),
        ({"ids": [1]}, "ids[0]"),
        ({"ids": "a"}, "ids"),
        ({"filter": {"failure": "bad luck"}}, "filter.failure"),
        ({"filter": {"other": 1}}, "filter.other"),
        ({"all": True}, "all"),
    ],
)
async def test_a_redrive_says_what_it_means(serve_one: Serve, body: Any, field: str) -> None:
    async with serve_one(work=False) as hub:
        answer = await hub.post("/api/dead/redrive", body)
        assert (answer.status, answer.problem()["field"]) == (422, field)


async def test_statistics(serve: Serve) -> None:
    async with serve() as hub:
        for _ in range(2):
            await hub.post("/api/queue", {"handler": "seen"})
        for _ in range(2):
            await hub.seen.get()
        await hub.post("/api/queue", {"handler": "seen", "payload": "fail"})
        async with asyncio.timeout(30):
            while True:
                found = (await hub.get("/api/statistics")).json()
                if found["handlers"].get("seen", {}).get("total") == 3:
                    break
        assert set(found) == {"queues", "handlers", "dead"}
        assert (found["handlers"]["seen"]["completed"], found["dead"]) == (2, 1)


async def test_rows_by_sql_with_any_metadata_do_not_break_lists(serve: Serve) -> None:
    async with serve(work=False) as hub:
        for metadata in ("[1]", '"text"', "5", "null", "{}"):
            value = f"'{metadata}'"
            await hub.sql(f"INSERT INTO queue_jobs (handler, metadata) VALUES ('seen', {value})")
        assert len((await hub.get("/api/queue")).json()["data"]) == 5
        assert (await hub.get("/api/jobs")).status == 200
