"""`/jobs`: scheduled and interval jobs over HTTP, as the background job service's documents have them."""

import asyncio
import hashlib
import itertools
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.http.rig import PATIENCE, Serve, Served

WORKSPACE = "123e4567-e89b-12d3-a456-426614174000"
# The body of the document on task recovery, with its three dots filled in.
DOCUMENTED = {
    "name": "My Job",
    "workspace_id": WORKSPACE,
    "payload": '{"task": "process_data"}',
    "type": "interval",
    "interval": "*/5 * * * *",
    "enable_recovery": True,
}
MEMBERS = {
    *("id", "name", "workspace_id", "payload", "type", "schedule", "interval", "timezone", "handler", "enabled"),
    *("priority", "max_retries", "timeout", "enable_recovery", "status", "next_run_at", "last_run_at"),
    *("execution_count", "current_interval_id", "interval_progress", "interval_started_at", "last_error"),
    *("created_at", "updated_at"),
}
TASKS = {"tasks": [{"name": "a", "handler": "seen", "payload": 1}, {"name": "b", "handler": "seen"}]}


async def make(hub: Served, **members: Any) -> dict[str, Any]:
    answer = await hub.post("/jobs", {**DOCUMENTED, **members})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/jobs/{made['id']}"
    return made


async def test_the_documented_body_makes_an_interval_job(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub)
        assert set(made) == MEMBERS
        assert {name: made[name] for name in DOCUMENTED} == DOCUMENTED
        assert (made["status"], made["handler"], made["execution_count"]) == ("active", "system.record", 0)
        assert datetime.fromisoformat(made["next_run_at"]).minute % 5 == 0
        assert (await hub.get(f"/jobs/{made['id']}")).json() == made
        (row,) = await hub.sql("SELECT cronexpression, type, createdby FROM jobs WHERE id = :id", id=made["id"])
        assert (row["cronexpression"], row["type"], row["createdby"]) == ("*/5 * * * *", "interval", "local")


@pytest.mark.parametrize(
    ("interval", "shown", "seconds"),
    [("@hourly", "@hourly", None), (90, 90, 90), ("90", 90, 90), ("5m", 300, 300), ("0 30 8 * * *",) * 2 + (None,)],
)
async def test_an_interval_is_cron_or_seconds_or_a_span(
    serve_one: Serve, interval: Any, shown: Any, seconds: int | None
) -> None:
    async with serve_one() as hub:
        made = await make(hub, interval=interval)
        assert made["interval"] == shown
        (row,) = await hub.sql("SELECT intervalseconds FROM jobs WHERE id = :id", id=made["id"])
        assert row["intervalseconds"] == seconds


async def test_a_scheduled_job_runs_once_at_its_time(serve: Serve) -> None:
    at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    async with serve() as hub:
        made = await make(hub, type="scheduled", interval=None, schedule=at.isoformat(), payload={"a": [1]})
        assert datetime.fromisoformat(made["schedule"]) == datetime.fromisoformat(made["next_run_at"]) == at
        assert (made["payload"], made["interval"], made["type"]) == ({"a": [1]}, None, "scheduled")
        (row,) = await hub.sql("SELECT maxexecutions FROM jobs WHERE id = :id", id=made["id"])
        assert row["maxexecutions"] == 1
        later = at + timedelta(days=1)
        moved = await hub.call("PUT", f"/jobs/{made['id']}", json={"schedule": later.isoformat()})
        assert datetime.fromisoformat(moved.json()["next_run_at"]) == later


async def test_a_job_that_is_given_other_times_tells_its_next_one(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub, interval="0 8 1 1 *")
        await hub.sql("UPDATE jobs SET nextrunat = '2031-01-01 08:00:00Z' WHERE id = :id", id=made["id"])
        kept = (await hub.call("PUT", f"/jobs/{made['id']}", json={"priority": 3})).json()
        assert kept["next_run_at"] == "2031-01-01T08:00:00Z"
        moved = (await hub.call("PUT", f"/jobs/{made['id']}", json={"interval": "10m"})).json()
        away = datetime.fromisoformat(moved["next_run_at"]) - datetime.now(UTC)
        assert timedelta(minutes=8) < away <= timedelta(minutes=10)


async def test_a_payload_comes_out_as_it_went_in(serve: Serve) -> None:
    async with serve() as hub:
        for payload in ({"a": 1}, '{"a":1}', "plain text", "5", 5, None, ["x"], '{"tasks": "in a text"}x'):
            made = await make(hub, name=f"payload {payload!r}", payload=payload)
            assert made["payload"] == payload
            again = await hub.call("PUT", f"/jobs/{made['id']}", json={"priority": 3})
            assert (again.json()["payload"], again.json()["priority"]) == (payload, 3)


async def test_tasks_choose_their_handler_and_follow_the_payload(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub, payload=TASKS)
        assert made["handler"] == "system.tasks"
        plain = await hub.call("PUT", f"/jobs/{made['id']}", json={"payload": {"no": "tasks"}})
        assert plain.json()["handler"] == "system.record"
        named = await make(hub, name="named", handler="seen", payload=TASKS)
        assert named["handler"] == "seen"
        assert (await hub.call("PUT", f"/jobs/{named['id']}", json={"payload": 1})).json()["handler"] == "seen"


async def test_recovery_is_as_configured_unless_said(serve_one: Serve) -> None:
    body = {name: value for name, value in DOCUMENTED.items() if name != "enable_recovery"}
    async with serve_one(jobs={"recovery": {"default_enabled": False}}) as hub:
        assert (await hub.post("/jobs", body)).json()["enable_recovery"] is False
        assert (await make(hub, name="said"))["enable_recovery"] is True


async def test_put_changes_what_it_names_and_never_what_the_hub_counts(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub, max_retries=2, timezone="Europe/Paris")
        answer = await hub.call(
            "PUT", f"/jobs/{made['id']}", json={**made, "name": "renamed", "id": "other", "execution_count": 99}
        )
        changed = answer.json()
        assert answer.status == 200
        expected = {**made, "name": "renamed", "updated_at": changed["updated_at"]}
        assert changed == expected
        assert changed["updated_at"] > made["updated_at"]
        reset = (await hub.call("PUT", f"/jobs/{made['id']}", json={"max_retries": None, "workspace_id": None})).json()
        assert (reset["max_retries"], reset["workspace_id"]) == (None, None)
        once = await hub.call(
            "PUT", f"/jobs/{made['id']}", json={"type": "scheduled", "schedule": "2031-01-01T00:00:00Z"}
        )
        assert (once.json()["type"], once.json()["interval"]) == ("scheduled", None)
        back = await hub.call("PUT", f"/jobs/{made['id']}", json={"type": "interval", "interval": 60})
        assert (back.json()["type"], back.json()["interval"]) == ("interval", 60)


async def test_pause_and_resume(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub)
        paused = await hub.call("PATCH", f"/jobs/{made['id']}/pause")
        assert (paused.status, paused.json()["status"], paused.json()["enabled"]) == (200, "paused", False)
        assert paused.json()["next_run_at"] is None
        assert (await hub.call("PATCH", f"/jobs/{made['id']}/pause")).status == 200
        resumed = (await hub.call("PATCH", f"/jobs/{made['id']}/resume")).json()
        assert (resumed["status"], resumed["enabled"]) == ("active", True)
        assert resumed["next_run_at"] is not None


async def test_a_paused_job_is_run_once_more_and_stays_as_it_is(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub, handler="seen", payload={"run": "now"})
        before = (await hub.call("PATCH", f"/jobs/{made['id']}/pause")).json()
        answer = await hub.post(f"/jobs/{made['id']}/run")
        job_id = answer.json()["job_id"]
        assert (answer.status, answer.headers["Location"]) == (202, f"/api/queue/{job_id}")
        async with asyncio.timeout(PATIENCE):
            assert await hub.seen.get() == {"run": "now"}
        assert (await hub.get(f"/api/queue/{job_id}")).json()["metadata"]["scheduled_job_id"] == made["id"]
        assert (await hub.get(f"/jobs/{made['id']}")).json() == before


async def test_a_deleted_job_is_gone_and_its_name_is_free(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub)
        answer = await hub.call("DELETE", f"/jobs/{made['id']}")
        assert (answer.status, answer.body) == (204, b"")
        for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", "/pause"), ("PATCH", "/resume"), ("POST", "/run")):
            assert (await hub.call(method, f"/jobs/{made['id']}{path}")).problem()["status"] == 404
        assert (await hub.call("PUT", f"/jobs/{made['id']}", json={"priority": 1})).status == 404
        assert made["id"] not in [job["id"] for job in (await hub.get("/jobs")).json()["data"]]
        (row,) = await hub.sql("SELECT is_deleted, status FROM jobs WHERE id = :id", id=made["id"])
        assert (bool(row["is_deleted"]), row["status"]) == (True, "deleted")
        assert (await make(hub))["id"] != made["id"]


async def test_a_used_name_is_a_conflict(serve: Serve) -> None:
    async with serve() as hub:
        await make(hub)
        other = await make(hub, name="other")
        taken = (await hub.post("/jobs", DOCUMENTED)).problem()
        assert (taken["status"], taken["code"], taken["field"]) == (409, "already-exists", "name")
        answer = await hub.call("PUT", f"/jobs/{other['id']}", json={"name": "My Job"})
        assert answer.problem()["status"] == 409
        assert (await hub.get(f"/jobs/{other['id']}")).json()["name"] == "other"


async def test_a_job_that_has_ended_is_not_paused(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub, type="scheduled", interval=None, schedule="2031-01-01T00:00:00Z")
        await hub.sql("UPDATE jobs SET executioncount = 1, nextrunat = NULL WHERE id = :id", id=made["id"])
        assert (await hub.get(f"/jobs/{made['id']}")).json()["status"] == "completed"
        for what in ("pause", "resume"):
            assert (await hub.call("PATCH", f"/jobs/{made['id']}/{what}")).problem()["status"] == 409


async def test_lists_are_paged_and_filtered(serve: Serve) -> None:
    async with serve() as hub:
        await hub.sql("DELETE FROM jobs")
        ids = [(await make(hub, name=f"job {number}"))["id"] for number in range(5)]
        once = await make(
            hub, name="once", type="scheduled", interval=None, schedule="2031-01-01T00:00:00Z", workspace_id="w-2"
        )
        await hub.call("PATCH", f"/jobs/{ids[0]}/pause")
        await hub.sql("UPDATE jobs SET current_interval_id = 'i-1' WHERE id = :id", id=ids[1])
        first = (await hub.get("/jobs", params={"limit": "4"})).json()
        second = (await hub.get("/jobs", params={"limit": "4", "page": "2"})).json()
        assert {name: first[name] for name in first if name != "data"} == {
            "total": 6,
            "totalPage": 2,
            "page": 1,
            "limit": 4,
        }
        assert [job["id"] for job in first["data"] + second["data"]] == [once["id"], *reversed(ids)]
        assert (await hub.get("/jobs", params={"page": "3", "limit": "4"})).json()["data"] == []

        async def found(**filters: str) -> list[str]:
            page = (await hub.get("/jobs", params=filters)).json()
            assert page["total"] == len(page["data"])
            return [job["id"] for job in page["data"]]

        assert await found(type="scheduled") == [once["id"]]
        assert await found(workspace_id="w-2") == [once["id"]]
        assert await found(status="paused") == [ids[0]]
        assert await found(status="processing") == await found(incomplete="true") == [ids[1]]
        assert len(await found(status="active", type="interval")) == 3
        assert len(await found(incomplete="false")) == 6


async def test_the_state_follows_the_last_fire(serve: Serve) -> None:
    async with serve(work=False) as hub:
        made = await make(hub, type="scheduled", interval=None, schedule="2031-01-01T00:00:00Z")
        await hub.sql("UPDATE jobs SET executioncount = 1, nextrunat = NULL WHERE id = :id", id=made["id"])
        await hub.sql(
            "INSERT INTO queue_jobs (id, handler, source, dedupekey) VALUES ('f', 'seen', :source, '2031-01-01')",
            source=f"schedule:{made['id']}",
        )
        for statusid, state in ((0, "processing"), (2, "processing"), (4, "failed"), (3, "completed"), (6, "failed")):
            await hub.sql(
                "UPDATE queue_jobs SET statusid = :s, lasterror = 'ValueError: no' WHERE id = 'f'", s=statusid
            )
            shown = (await hub.get(f"/jobs/{made['id']}")).json()
            assert shown["status"] == state
            assert shown["last_error"] == ("ValueError: no" if state == "failed" else None)
            assert (await hub.get("/jobs", params={"status": state})).json()["total"] == 1


async def test_a_job_whose_window_has_closed_has_ended(serve: Serve) -> None:
    async with serve(work=False) as hub:
        for name, end in (("over", "2020-01-01 00:00:00"), ("open", "2131-01-01 00:00:00")):
            await hub.sql(
                "INSERT INTO jobs (id, name, handler, intervalseconds, endat) VALUES (:n, :n, 'seen', 5, :e)",
                n=name,
                e=end if hub.database.dialect != "postgresql" else datetime.fromisoformat(f"{end}+00:00"),
            )
        for name, state in (("over", "completed"), ("open", "active")):
            assert (await hub.get(f"/jobs/{name}")).json()["status"] == state
            page = (await hub.get("/jobs", params={"status": state, "limit": "1"})).json()
            assert (page["data"][0]["id"], page["total"] >= 1) == (name, True)


async def test_a_row_whose_metadata_no_program_can_read_is_listed_and_edited_like_any(serve: Serve) -> None:
    async with serve(work=False) as hub:
        await hub.sql(
            "INSERT INTO jobs (id, name, handler, intervalseconds, payload, metadata) "
            "VALUES ('odd', 'odd', 'seen', 5, '{\"a\": 1e5000}', '{\"a\": 1e5000}')"
        )
        assert (await hub.get("/jobs/odd")).json()["workspace_id"] is None
        assert "odd" in [job["id"] for job in (await hub.get("/jobs")).json()["data"]]
        changed = await hub.call("PUT", "/jobs/odd", json={"workspace_id": "w-1"})
        assert (changed.status, changed.json()["workspace_id"]) == (200, "w-1")
        text = {"name": "text", "type": "interval", "interval": 5, "payload": '{"a": 1e5000}'}
        assert (await hub.post("/jobs", text)).status == 201
        refused = await hub.post("/jobs", {**text, "name": "tasks", "handler": "system.tasks"})
        assert (refused.status, refused.json()["field"]) == (422, "payload")


async def test_the_next_times_can_be_asked_for(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub)
        times = (await hub.get(f"/jobs/{made['id']}", params={"upcoming": "5"})).json()["upcoming"]
        found = [datetime.fromisoformat(each) for each in times]
        assert [after - before for before, after in itertools.pairwise(found)] == [timedelta(minutes=5)] * 4
        for wrong in ("101", "-1", "x"):
            assert (await hub.get(f"/jobs/{made['id']}", params={"upcoming": wrong})).problem()["field"] == "upcoming"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"type": "weekly"}, "type"),
        ({"interval": None}, "interval"),
        ({"interval": "61 * * * *"}, "interval"),
        ({"interval": "every day"}, "interval"),
        ({"interval": 0}, "interval"),
        ({"interval": -5}, "interval"),
        ({"interval": "500ms"}, "interval"),
        ({"interval": 10**12}, "interval"),
        ({"interval": "99999d"}, "interval"),
        ({"interval": "0 0 30 2 *"}, "interval"),
        ({"type": "scheduled", "interval": None}, "schedule"),
        ({"type": "scheduled", "schedule": "2031-01-01T00:00:00Z", "interval": "5m"}, "interval"),
        ({"schedule": "2031-01-01"}, "schedule"),
        ({"schedule": "tomorrow"}, "schedule"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"priority": 10**12}, "priority"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": 0}, "timeout"),
        ({"enable_recovery": "yes"}, "enable_recovery"),
        ({"payload": {"tasks": []}}, "payload.tasks"),
        ({"payload": {"tasks": [{"name": "a"}]}}, "payload.tasks[0].handler"),
        ({"workspace_id": 7}, "workspace_id"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
async def test_what_makes_no_sense_is_refused(serve_one: Serve, change: dict[str, Any], field: str) -> None:
    async with serve_one() as hub:
        problem = (await hub.post("/jobs", {**DOCUMENTED, **change})).problem()
        assert (problem["status"], problem["field"]) == (422, field), problem
        made = await make(hub)
        problem = (await hub.call("PUT", f"/jobs/{made['id']}", json=change)).problem()
        assert problem["status"] == 422, problem


@pytest.mark.parametrize("member", ["name", "payload", "workspace_id", "handler", "timezone"])
async def test_text_that_no_database_takes_is_refused(serve_one: Serve, member: str) -> None:
    async with serve_one() as hub:
        assert (await hub.post("/jobs", {**DOCUMENTED, member: "a\0b"})).problem()["status"] in (400, 422)


@pytest.mark.parametrize(
    "query", [{"page": "0"}, {"limit": "1000000000"}, {"status": "done"}, {"type": "x"}, {"incomplete": "maybe"}]
)
async def test_a_query_that_makes_no_sense_is_refused(serve_one: Serve, query: dict[str, str]) -> None:
    async with serve_one() as hub:
        assert (await hub.get("/jobs", params=query)).problem()["field"] in query


async def test_two_changes_at_once_both_stand(serve: Serve) -> None:
    async with serve() as hub:
        made = await make(hub)
        path = f"/jobs/{made['id']}"
        answers = await asyncio.gather(
            hub.call("PUT", path, json={"priority": 7}), hub.call("PUT", path, json={"max_retries": 9})
        )
        assert [answer.status for answer in answers] == [200, 200]
        shown = (await hub.get(path)).json()
        assert (shown["priority"], shown["max_retries"]) == (7, 9)


async def test_a_viewer_sees_no_payload_and_no_results(serve_one: Serve) -> None:
    tokens = {"tokens": [{"name": name, "role": name, "sha256": digest(name)} for name in ("viewer", "operator")]}
    async with serve_one(auth=tokens) as hub:
        operator, viewer = ({"Authorization": f"Bearer {name}"} for name in ("operator", "viewer"))
        made = (await hub.post("/jobs", {**DOCUMENTED, "payload": TASKS}, headers=operator)).json()
        progress = (
            '{"interval_id":"i","job_id":"j","status":"running","started_at":"2026-01-01T00:00:00Z","tasks":'
            '[{"task_id":"i:1","name":"a","handler":"seen","status":"completed","result":{"secret":1}}]}'
        )
        await hub.sql("UPDATE jobs SET interval_progress = :p WHERE id = :id", p=progress, id=made["id"])
        shown = await hub.get(f"/jobs/{made['id']}", headers=viewer)
        assert "payload" not in shown.json()
        assert b"secret" not in shown.body
        assert shown.json()["interval_progress"]["tasks"][0]["status"] == "completed"
        assert b"secret" in (await hub.get(f"/jobs/{made['id']}", headers=operator)).body
        for method, path in (("POST", ""), ("PUT", f"/{made['id']}"), ("DELETE", f"/{made['id']}")):
            assert (await hub.call(method, f"/jobs{path}", json={}, headers=viewer)).status == 403
        assert (await hub.call("PATCH", f"/jobs/{made['id']}/pause", headers=viewer)).status == 403
        assert (await hub.get("/jobs")).status == 401


async def test_every_change_is_in_the_audit_log(serve_one: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hub.audit")
    async with serve_one() as hub:
        made = await make(hub)
        path = f"/jobs/{made['id']}"
        await hub.call("PUT", path, json={"priority": 1})
        await hub.call("PATCH", f"{path}/pause")
        await hub.call("PATCH", f"{path}/resume")
        await hub.call("DELETE", path)
    lines = [record.getMessage() for record in caplog.records if record.name == "hub.audit"]
    assert [line.split("  ")[0] for line in lines] == [
        "job created",
        "job changed",
        "job paused",
        "job resumed",
        "job deleted",
    ]
    assert all("actor=local" in line and made["id"] in line for line in lines)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
