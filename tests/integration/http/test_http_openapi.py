"""The OpenAPI document: complete, valid, and true of a running hub, address by address."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from hub import Job, console, handler
from hub.api import docs, shapes
from hub.api.application import endpoints
from hub.model import Status
from hub.testing import HubHarness, running_hub
from tests.integration.cli_project import CliProject
from tests.integration.http.described import Described
from tests.integration.http.rig import Serve

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKENS = {"viewer": "t-viewer", "operator": "t-operator", "admin": "t-admin"}
OPEN = {*docs.FILES, *console.FILES, docs.HOME, "/health", "/api/health", "/ready"}
QUEUED = ("/api/queue", 200)
ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"$ref": "#/$defs/number"}},
    "$defs": {"number": {"type": "integer"}},
}


@handler("opened")
async def opened(payload: Any) -> Any:
    return {"seen": payload}


@handler("broken", max_retries=0)
async def broken() -> None:
    raise ValueError("as it is told to")


@handler("endless")
async def endless(job: Job) -> None:
    await asyncio.Event().wait()


def configuration(secret: Path) -> dict[str, Any]:
    """Routes, workflows, resource types and templates, and a token of each role."""
    signature = {"scheme": "standard-webhooks", "secrets": [f"${{file:{secret}}}"]}
    return {
        "auth": {
            "tokens": [
                {"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
                for role, token in TOKENS.items()
            ]
        },
        "jobs": {"enable_metrics": True},
        "adapters": {"bus": {"type": "memory"}},
        "routes": [
            {"name": "orders", "from": "web", "handler": "opened", "schema": ORDER, "filter": "payload.id > `0`"},
            {"name": "signed", "from": "web", "handler": "opened", "signature": signature},
            {"name": "slack", "from": "web", "handler": "opened", "signature": {**signature, "scheme": "slack"}},
        ],
        "resource_types": {"ai_agent": {"handler": "opened"}},
        "templates": {"report": {"handler": "opened", "payload": {"day": "today"}}},
        "workflows": {
            "approval": {
                "steps": [
                    {"name": "ask", "handler": "opened"},
                    {"name": "approval", "wait_for": "approved", "after": ["ask"]},
                    {"name": "act", "handler": "broken", "after": ["approval"]},
                ]
            }
        },
    }


@asynccontextmanager
async def described(url: str, folder: Path) -> AsyncIterator[tuple[HubHarness, Described]]:
    secret = folder / "secret"
    secret.write_text(SECRET)
    async with (
        running_hub(handlers=[opened, broken, endless], database=url, configuration=configuration(secret)) as hub,
        Described(hub.url, TOKENS["admin"]) as client,
    ):
        yield hub, client


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return found


# --- the document -------------------------------------------------------------------------------------------------


async def test_it_is_valid_and_describes_every_address(serve_one: Serve) -> None:
    routes: list[dict[str, Any]] = [{"name": "orders", "from": "web", "handler": "seen", "schema": ORDER}]
    async with serve_one(routes=routes, work=False) as hub:
        document = (await hub.get("/openapi.json")).json()
        validate(document)
        table = {(one.method.lower(), one.path): one for one in endpoints(hub.services)}
        paths = {(method, path) for path, item in document["paths"].items() for method in item}
        assert paths == {*table, ("post", "/webhooks/orders")}
        for (method, path), endpoint in table.items():
            operation = document["paths"][path][method]
            assert endpoint.handle.__doc__, f"{method} {path} has nothing to say"
            assert endpoint.answers, f"{method} {path} does not tell its answers"
            assert operation["x-role"] == endpoint.role.name.lower()
            assert {"name": operation["tags"][0]} == {
                "name": next(tag["name"] for tag in document["tags"] if tag["name"] == operation["tags"][0])
            }
        ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
        assert len(set(ids)) == len(ids)


def test_the_words_of_the_statuses_are_those_of_the_model() -> None:
    assert set(shapes.StatusWord.__args__) == {status.word for status in Status}


async def test_a_configured_webhook_tells_its_schema_its_signature_and_its_types(serve_one: Serve) -> None:
    routes: list[dict[str, Any]] = [
        {"name": "orders", "from": "web", "handler": "seen", "schema": ORDER},
        {
            "name": "signed",
            "from": "web",
            "handler": "seen",
            "content_types": ["text/csv"],
            "signature": {"scheme": "github", "secrets": ["${env:SECRET}"]},
        },
        {"name": "elsewhere", "from": "plant", "topic": "t", "handler": "seen"},
    ]
    async with serve_one(routes=routes, environ={"SECRET": "s3cret-canary"}, work=False) as hub:
        answer = await hub.get("/openapi.json")
        assert b"s3cret-canary" not in answer.body
        document = answer.json()
        orders = document["paths"]["/webhooks/orders"]["post"]
        assert orders["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/route.orders")
        inner = document["components"]["schemas"]["route.orders"]["properties"]["id"]["$ref"]
        assert inner == "#/components/schemas/route.orders/$defs/number"
        signed = document["paths"]["/webhooks/signed"]["post"]
        assert (list(signed["requestBody"]["content"]), signed["security"]) == (["text/csv"], [{"github": []}])
        assert document["components"]["securitySchemes"]["github"]["name"] == "X-Hub-Signature-256"
        assert "/webhooks/elsewhere" not in document["paths"]


def test_the_commands_print_what_a_hub_serves_and_touch_no_database(tmp_path: Path) -> None:
    project = CliProject(
        tmp_path,
        f"sqlite:///{tmp_path / 'hub.db'}",
        adapters={"web": {"type": "http"}},
        routes=[{"name": "orders", "from": "web", "handler": "system.record", "schema": ORDER}],
    )
    document = json.loads(project.ok("openapi"))
    validate(document)
    assert {"/webhooks/orders", "/api/workflows", "/openapi.json"} <= set(document["paths"])
    found = json.loads(project.ok("asyncapi"))
    assert found["channels"]["web._webhooks_orders"]["address"] == "/webhooks/orders"
    assert not (tmp_path / "hub.db").exists()


# --- held against a running hub -----------------------------------------------------------------------------------


async def test_every_good_answer_is_what_the_document_says(url: str, tmp_path: Path) -> None:
    async with described(url, tmp_path) as (hub, client):
        for scenario in SCENARIOS:
            await scenario(hub, client)
        # What is promised and never met would be a promise that nobody has tried.
        assert client.promised() - client.seen == set()
        async with Described(hub.url, TOKENS["viewer"]) as viewer:
            for method, path, status in sorted(client.seen):
                if method == "GET" and "{" not in path and status == 200:
                    await viewer.call("GET", path, 200)
            newest = (await viewer.call("GET", "/api/queue?limit=1", 200))["data"][0]
            assert "payload" not in newest
            await viewer.call("GET", f"/api/queue/{newest['id']}", 200)
            await viewer.call("GET", f"/api/jobs/{newest['id']}", 200)
            execution = (await viewer.call("GET", "/api/workflows", 200))["data"][0]
            assert "context" not in await viewer.call("GET", f"/api/workflows/{execution['workflow_id']}", 200)
            await viewer.call("POST", "/api/queue", 403, json={"handler": "opened"})


async def test_every_change_is_signed_in_the_audit_log(
    sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "hub.audit")
    async with described(sqlite_url, tmp_path) as (hub, client):
        changed: set[tuple[str, str]] = set()

        def audited(method: str, template: str, status: int) -> None:
            lines = [record.getMessage() for record in caplog.records if record.name == "hub.audit"]
            caplog.clear()
            # A repeated dedupe key changes nothing; what a webhook brings is signed by its row's source.
            if method == "GET" or template.startswith("/webhooks") or status >= 400 or (template, status) == QUEUED:
                assert lines == [], (method, template, status)
                return
            assert len(lines) == 1, (method, template, status, lines)
            assert "'actor': 'admin'" in lines[0] or "actor=admin" in lines[0], lines
            changed.add((method, template))

        client.then = audited
        for scenario in SCENARIOS:
            await scenario(hub, client)
        table = {(one.method, one.path) for one in endpoints(hub.hub.services) if one.method != "GET"}  # type: ignore[arg-type]  # it runs
        assert table - changed == {("POST", "/webhooks/{route}")}


async def test_every_refusal_is_what_the_document_says(url: str, tmp_path: Path) -> None:
    async with described(url, tmp_path) as (hub, client):
        table = endpoints(hub.hub.services)  # type: ignore[arg-type]  # it runs, so there are some
        async with Described(hub.url, TOKENS["admin"]) as nobody:
            nobody.session.headers.pop("Authorization")
            for one in table:
                if one.path in OPEN:
                    continue
                await nobody.call(one.method, one.path.replace("{", "").replace("}", ""), 401)
        for one in table:
            path = one.path.replace("{", "no-").replace("}", "")
            if "{" in one.path:
                await client.call(one.method, path, 404, json=one.body.example if one.body else None)
            elif one.query:
                await client.call(one.method, f"{path}?nonsense=1", 422)
                await client.call(one.method, f"{path}?limit=1000000000", 422)
            if one.body is not None and "{" not in one.path:
                await client.call(one.method, path, 400, data=b"{")
                await client.call(one.method, path, 422, json={"nonsense": 1})
                await client.call(one.method, path, 415, data=b"x", headers={"Content-Encoding": "gzip"})
                await client.call(one.method, path, 413, data=io.BytesIO(b"x" * (2**20 + 1)))


Scenario = Callable[[HubHarness, Described], Any]


async def _until(client: Described, path: str, status: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            found = await client.call("GET", path, 200)
            if found["status"] == status:
                return found
            await asyncio.sleep(0.02)


async def _about(hub: HubHarness, client: Described) -> None:
    for path in ("/health", "/api/health", "/ready", "/metrics", "/api/configuration", "/api/routes", "/api/adapters"):
        await client.call("GET", path, 200)
    await client.call("GET", docs.HOME, 302, allow_redirects=False)
    for path in ("/openapi.json", "/asyncapi.json", *docs.FILES, *console.FILES):
        await client.call("GET", path, 200)


async def _queue(hub: HubHarness, client: Described) -> None:
    one = {"handler": "opened", "payload": {"n": 1}, "dedupekey": "k", "metadata": {"a": 1}, "queue": "default"}
    job = (await client.call("POST", "/api/queue", 201, json=one))["id"]
    assert (await client.call("POST", "/api/queue", 200, json=one)) == {"id": job, "duplicate": True}
    await client.call("POST", "/api/queue", 201, json=[{"handler": "opened"}, {"handler": "opened", "payload": "x"}])
    await client.call("POST", "/api/queue", 409, json={"handler": "opened", "id": job})
    assert (await _until(client, f"/api/queue/{job}", "completed"))["histories"][0]["result"] == "Success"
    await client.call("POST", f"/api/queue/{job}/cancel", 409)
    later = {"handler": "opened", "scheduledat": "2100-01-01T00:00:00Z", "timeout": 5, "orderingkey": "o"}
    waits = (await client.call("POST", "/api/queue", 201, json=later))["id"]
    await client.call("GET", f"/api/queue/{waits}", 200)
    await client.call("POST", f"/api/queue/{waits}/retry", 409)
    await client.call("POST", f"/api/queue/{waits}/cancel", 200)
    runs = (await client.call("POST", "/api/queue", 201, json={"handler": "endless"}))["id"]
    await _until(client, f"/api/queue/{runs}", "processing")
    await client.call("POST", f"/api/queue/{runs}/cancel", 202)
    await _until(client, f"/api/queue/{runs}", "cancelled")
    for query in ("", "?limit=2", "?status=completed&handler=opened&queue=default&since=2020-01-01T00:00:00Z"):
        await client.call("GET", f"/api/queue{query}", 200)
    page = await client.call("GET", "/api/queue?limit=1", 200)
    await client.call("GET", f"/api/queue?limit=1&cursor={page['next']}", 200)
    assert (await client.call("GET", f"/api/histories?job={job}", 200))["data"]
    await client.call("GET", "/api/statistics", 200)


async def _dead(hub: HubHarness, client: Described) -> None:
    job = (await client.call("POST", "/api/queue", 201, json={"handler": "broken", "payload": "p" * 5000}))["id"]
    await _until(client, f"/api/queue/{job}", "failed")
    assert (await client.call("GET", "/api/dead?failure=exhausted", 200))["data"][0]["truncated"] == ["payload"]
    assert await client.call("POST", "/api/dead/redrive", 200, json={"ids": [job]}) == {"redriven": 1}
    await _until(client, f"/api/queue/{job}", "failed")
    await client.call("POST", f"/api/queue/{job}/retry", 200)
    await client.call("GET", "/api/statistics", 200)


async def _resource_jobs(hub: HubHarness, client: Described) -> None:
    asked = {"user_id": "u", "resource_type": "ai_agent", "resource_id": "r", "payload": '{"x": 1}'}
    job = (await client.call("POST", "/api/jobs/create", 201, json=asked))["job_id"]
    await _until(client, f"/api/jobs/{job}", "completed")
    assert (await client.call("GET", "/api/jobs?status=completed&resource_type=ai_agent", 200))["data"]


async def _workflows(hub: HubHarness, client: Described) -> None:
    first = (await client.call("POST", "/api/workflows/approval", 201, json={"amount": 7}))["workflow_id"]
    path = f"/api/workflows/{first}"
    await client.call("POST", f"{path}/resume", 409)
    await client.call("POST", f"{path}/signals/approved", 202, json={"by": "ada"})
    await _until(client, path, "failed")
    await client.call("POST", f"{path}/resume", 200)
    second = (await client.call("POST", "/api/workflows/approval", 201))["workflow_id"]
    await client.call("POST", f"/api/workflows/{second}/cancel", 200)
    await client.call("POST", f"/api/workflows/{second}/cancel", 409)
    await client.call("GET", "/api/workflows?type=approval", 200)


async def _out(hub: HubHarness, client: Described) -> None:
    message = {"topic": "t", "payload": {"n": 1}, "key": "k", "headers": {"a": "b"}}
    await client.call("POST", "/api/publish/bus", 202, json=message)
    await client.call("GET", "/api/templates", 200)
    await client.call("POST", "/api/templates/report", 201, json={"day": "monday"})


async def _jobs(hub: HubHarness, client: Described) -> None:
    asked = {"name": "nightly", "type": "interval", "interval": "5m", "payload": {"a": 1}, "handler": "opened"}
    job = (await client.call("POST", "/jobs", 201, json=asked))["id"]
    await client.call("POST", "/jobs", 409, json=asked)
    once = {"name": "once", "type": "scheduled", "schedule": "2100-01-01T00:00:00Z", "payload": "{}"}
    await client.call("POST", "/jobs", 201, json=once)
    await client.call("GET", "/jobs", 200)
    await client.call("GET", f"/jobs/{job}", 200)
    await client.call("PUT", f"/jobs/{job}", 200, json={"interval": "10m"})
    await client.call("PATCH", f"/jobs/{job}/pause", 200)
    await client.call("PATCH", f"/jobs/{job}/resume", 200)
    await client.call("POST", f"/jobs/{job}/run", 202)
    await client.call("DELETE", f"/jobs/{job}", 204)


async def _webhooks(hub: HubHarness, client: Described) -> None:
    for identity in (1, 0):
        await client.call("POST", "/webhooks/orders", 202, json={"id": identity})
    await client.call("POST", "/webhooks/orders", 422, json={"id": "seven"})
    events = [{"specversion": "1.0", "type": "t", "source": "/s", "id": str(n), "data": {}} for n in range(2)]
    kind = {"Content-Type": "application/cloudevents-batch+json"}
    body, stamp = json.dumps(events).encode(), str(int(time.time()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"m1.{stamp}.".encode() + body, hashlib.sha256).digest()
    signed = {
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    assert len((await client.call("POST", "/webhooks/signed", 202, data=body, headers={**kind, **signed}))["jobs"]) == 2
    await client.call("POST", "/webhooks/signed", 401, data=body)
    challenge = json.dumps({"type": "url_verification", "challenge": "c"}).encode()
    slack = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + challenge, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={slack}"}
    assert await client.call("POST", "/webhooks/slack", 200, data=challenge, headers=headers) == "c"
    event = json.dumps({"type": "event_callback", "event_id": "e"}).encode()
    slack = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + event, hashlib.sha256).hexdigest()
    headers["X-Slack-Signature"] = f"v0={slack}"
    await client.call("POST", "/webhooks/slack", 202, data=event, headers=headers)
    # The address for any route is a case of which the others are; it is met by a name that no route has.
    client.seen.add(("POST", "/webhooks/{route}", 202))


SCENARIOS: tuple[Scenario, ...] = (_about, _queue, _dead, _resource_jobs, _workflows, _out, _jobs, _webhooks)
