"""The example workflows run as shipped: their configuration files, their handlers, partners over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import text

from examples.signup_partners import Partners, ask
from hub.app import Hub
from hub.config import load

SIGNUP = {"email": "ada@example.com", "organization_name": "Acme Corp", "plan": "team"}
DRUG_TEST = {"employee_id": "emp_789", "supervisor_id": "sup_1", "test_type": "pre_employment", "rush_order": True}


@pytest.fixture
async def partners() -> AsyncIterator[tuple[Partners, str]]:
    made = Partners()
    runner = web.AppRunner(made.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    return url


def hub_of(example: str, database_url: str, partners_url: str, folder: Path) -> Hub:
    """The hub of an example's file, on another port and database."""
    document = json.loads(Path(f"examples/{example}.json").read_text())
    document["http"]["port"] = 0
    file = folder / "configuration.json"
    file.write_text(json.dumps(document))
    return Hub(load(file, {"DATABASE_URL": database_url, "PARTNERS_URL": partners_url}))


async def ended(hub: Hub, workflow_id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found = await hub.workflows.summary(workflow_id)
            if found["status"] in ("completed", "failed", "cancelled"):
                return found
            await asyncio.sleep(0.01)


async def rows(hub: Hub, table: str) -> list[tuple[Any, ...]]:
    async with hub.database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(f"SELECT * FROM {table}"))]


async def test_a_user_signs_up(database_url: str, partners: tuple[Partners, str], tmp_path: Path) -> None:
    made, address = partners
    async with hub_of("signup", database_url, address, tmp_path) as hub:
        async with aiohttp.ClientSession() as client:
            answer = await client.post(f"{hub.addresses[0]}/webhooks/signup", json=SIGNUP)
            assert answer.status == 202
        async with asyncio.timeout(20):
            while True:
                page, _ = await hub.workflows.page(type="user_signup")
                if page:
                    break
                await asyncio.sleep(0.01)
        done = await ended(hub, page[0]["workflow_id"])
        assert done["status"] == "completed", done
        assert done["context"] == SIGNUP | {
            "user_id": "user-1",
            "organization_id": "org-user-1",
            "defaults": {"seats": 5, "locale": "en"},
            "subscription_id": "payment-1",
        }
        assert await rows(hub, "signup_users") == [("user-1", "ada@example.com")]
        assert await rows(hub, "signup_organizations") == [("org-user-1", "Acme Corp")]
        assert await rows(hub, "signup_subscriptions") == [("org-user-1", "payment-1")]
        assert set(made.calls) == {
            f"users {done['workflow_id']}:create_user", f"payments {done['workflow_id']}:process_subscription",
        }  # fmt: skip


async def test_a_sign_up_whose_payment_fails_goes_on_once_it_can_be_made(
    sqlite_url: str, partners: tuple[Partners, str], tmp_path: Path
) -> None:
    made, address = partners
    made.closed.add("payments")
    async with hub_of("signup", sqlite_url, address, tmp_path) as hub:
        workflow_id = await hub.start_workflow("user_signup", SIGNUP)
        async with asyncio.timeout(20):
            while True:
                step = (await hub.workflows.summary(workflow_id))["steps"][2]
                if step["status"] == "retrying":
                    break
                await asyncio.sleep(0.01)
        assert "503" in step["error_message"]
        made.closed.clear()
        async with hub.database.transaction() as connection:
            await connection.execute(text("UPDATE queue_jobs SET scheduledat = '2026-01-01' WHERE statusid = 5"))
        hub.engine.woken([""])
        assert (await ended(hub, workflow_id))["status"] == "completed"
        assert made.calls[f"users {workflow_id}:create_user"] == 1


async def test_a_sign_up_that_makes_no_sense_ends_at_its_first_step(
    sqlite_url: str, partners: tuple[Partners, str], tmp_path: Path
) -> None:
    made, address = partners
    async with hub_of("signup", sqlite_url, address, tmp_path) as hub:
        failed = await ended(hub, await hub.start_workflow("user_signup", {**SIGNUP, "email": "nobody"}))
        assert failed["status"] == "failed"
        assert "email" in failed["steps"][0]["error_message"]
        assert not made.calls


async def test_a_drug_test_is_ordered_and_both_are_told(
    database_url: str, partners: tuple[Partners, str], tmp_path: Path
) -> None:
    made, address = partners
    async with hub_of("drug_test", database_url, address, tmp_path) as hub:
        done = await ended(hub, await hub.start_workflow("drug_test_order", DRUG_TEST))
        assert done["status"] == "completed", done
        context = done["context"]
        assert (context["order_id"], context["facility"]) == ("order-1", "harbour")
        assert {context["employee_notified"], context["supervisor_notified"]} == {"message-1", "message-2"}
        assert await rows(hub, "drug_test_orders") == [("order-1", "emp_789", "harbour")]
        assert {row[1] for row in await rows(hub, "drug_test_notices")} == {"emp_789", "sup_1"}
        job = await hub.records.job(f"{done['workflow_id']}:order_test")
        assert job is not None
        assert (job["queue"], job["priority"]) == ("critical", 2)
        assert sorted(each["kind"] for each in made.made.values()) == ["messages", "messages", "orders"]


async def test_who_orders_a_drug_test_is_told_unless_a_supervisor_is_named(
    sqlite_url: str, partners: tuple[Partners, str], tmp_path: Path
) -> None:
    _, address = partners
    async with hub_of("drug_test", sqlite_url, address, tmp_path) as hub:
        ordered = {"org_id": "org_123", "user_id": "user_456", "employee_id": "emp_789", "test_type": "pre_employment"}
        done = await ended(hub, await hub.start_workflow("drug_test_order", ordered))
        assert done["status"] == "completed", done
        assert {row[1] for row in await rows(hub, "drug_test_notices")} == {"emp_789", "user_456"}
        refused = await ended(hub, await hub.start_workflow("drug_test_order", {"employee_id": "emp_789"}))
        assert "give supervisor_id" in refused["error_message"]


@pytest.mark.parametrize("answered", [b'{"id": null}', b'{"id": ""}', b"{}", b"[1]", b"null"])
async def test_an_answer_without_an_id_is_a_failure(answered: bytes) -> None:
    """The step is tried again: what it remembered would stand for a user called None."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=answered, status=201, content_type="application/json")

    app = web.Application()
    app.router.add_post("/users", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(ValueError, match="users: the partner's answer has no id"):
            await ask(f"http://127.0.0.1:{runner.addresses[0][1]}", "users", "k", {})
    finally:
        await runner.cleanup()
