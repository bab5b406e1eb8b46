"""What leaves by HTTP, seen by a receiver: destinations, `http.request`, retries, circuits, what may be reached."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from hub import Hub, Job, handler
from hub.config import build
from hub.model import Status

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE = 45.0
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """A server of somebody else's. `answers` are given one after another, the last for ever."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[web.Response | Answer] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.path_qs, headers, body))
        if not self.answers:
            return web.json_response({"ok": True})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        return await answer(request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@asynccontextmanager
async def hub_sending(url: str, receiver: Receiver, *handlers: Any, **outbound: Any) -> AsyncIterator[Hub]:
    configuration = build(
        {
            "database": {"url": url},
            "jobs": {"enabled": True, "workers": 5, "max_retries": 3, "poll_interval": 0.2},
            "http": {"port": 0, "outbound": {"allowed_networks": ["127.0.0.0/8"], **outbound}},
            "destinations": {
                "crm": {"url": f"{receiver.url}/hooks", "secret": "${env:CRM}", "timeout": "2s"},
                "tenant": {"url": f"{receiver.url}/t/?tenant=1"},
            },
        },
        {"CRM": SECRET},
    )
    async with Hub(configuration, handlers=handlers) as hub:
        yield hub


async def ended(hub: Hub, job_id: str, *statuses: Status) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            async with hub.database.transaction() as connection:
                found = await connection.execute(text("SELECT * FROM queue_jobs WHERE id = :id"), {"id": job_id})
                row = found.mappings().one()
            if row["statusid"] in (statuses or (Status.COMPLETED, Status.FAILED)):
                return row
            await asyncio.sleep(0.02)


async def request(hub: Hub, payload: Any = None, **metadata: Any) -> str:
    return await hub.enqueue("http.request", payload, metadata=metadata)


# --- destinations ---------------------------------------------------------------------------------------------------


async def test_a_message_to_a_destination_is_posted_and_signed(sqlite_url: str, receiver: Receiver) -> None:
    @handler("sells")
    async def sells(job: Job) -> str:
        return await job.publish("crm", "order.placed", {"id": 7}, headers={"x-tenant": "a"})

    async with hub_sending(sqlite_url, receiver, sells) as hub:
        row = await ended(hub, await hub.enqueue("sells"))
        sent = await ended(hub, json.loads(row["result"]))
        assert sent["statusid"] == Status.COMPLETED
        assert json.loads(sent["result"])["answer"]["body"] == {"ok": True}
    ((method, path, headers, body),) = receiver.requests
    assert (method, path, json.loads(body)) == ("POST", "/hooks", {"id": 7})
    assert headers["idempotency-key"] == headers["hub-message-id"] == headers["webhook-id"] == sent["id"]
    assert (headers["hub-topic"], headers["x-tenant"]) == ("order.placed", "a")
    assert headers["content-type"] == "application/json"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


async def test_a_request_keeps_what_is_answered(sqlite_url: str, receiver: Receiver) -> None:
    receiver.answers = [web.json_response({"id": "c-1"}, status=201, headers={"Location": "/customers/c-1"})]
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, {"name": "Ada"}, to="crm", method="PUT", path="/customers?x=1"))
        result = json.loads(row["result"])
    assert (result["status"], result["body"], result["headers"]["location"]) == (201, {"id": "c-1"}, "/customers/c-1")
    assert receiver.requests[0][:2] == ("PUT", "/hooks/customers?x=1")


async def test_a_path_goes_before_the_query_of_a_destination(sqlite_url: str, receiver: Receiver) -> None:
    async with hub_sending(sqlite_url, receiver) as hub:
        for to, path, wanted in (
            ("tenant", "/customers", "/t/customers?tenant=1"),
            ("tenant", "/customers?x=2", "/t/customers?tenant=1&x=2"),
            ("tenant", "?x=2", "/t/?tenant=1&x=2"),
            ("tenant", None, "/t/?tenant=1"),
            ("crm", "?x=2", "/hooks?x=2"),
        ):
            asked = {"to": to} if path is None else {"to": to, "path": path}
            assert (await ended(hub, await request(hub, 1, **asked)))["statusid"] == Status.COMPLETED
            assert receiver.requests[-1][1] == wanted


async def test_a_request_without_a_body_says_nothing_of_one(sqlite_url: str, receiver: Receiver) -> None:
    async with hub_sending(sqlite_url, receiver) as hub:
        for method in ("GET", "HEAD"):
            row = await ended(hub, await request(hub, {"n": 1}, url=f"{receiver.url}/plain", method=method))
            assert row["statusid"] == Status.COMPLETED
    for _, _, headers, body in receiver.requests:
        assert (body, {"content-type", "content-length", "transfer-encoding"} & headers.keys()) == (b"", set())


async def test_a_row_by_sql_is_a_request(sqlite_url: str, receiver: Receiver) -> None:
    async with hub_sending(sqlite_url, receiver) as hub:
        async with hub.database.transaction() as connection:
            statement = (
                "INSERT INTO queue_jobs (id, handler, direction, metadata, payload) VALUES (:id, :h, :d, :m, :p)"
            )
            metadata = json.dumps({"url": f"{receiver.url}/plain", "method": "POST"})
            row = {"id": "mine", "h": "http.request", "d": "outbound", "m": metadata, "p": '{"n": 1}'}
            await connection.execute(text(statement), row)
        assert (await ended(hub, "mine"))["statusid"] == Status.COMPLETED
    assert receiver.requests[0][1] == "/plain"


# --- what is tried again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_become_better_is_tried_again_under_the_same_key(
    sqlite_url: str, receiver: Receiver, status: int
) -> None:
    receiver.answers = [web.Response(status=status, headers={"Retry-After": "0"}), web.Response(status=204)]
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, 1, to="crm"))
        assert (row["statusid"], row["retrycount"]) == (Status.COMPLETED, 1)
    first, second = (headers["idempotency-key"] for _, _, headers, _ in receiver.requests)
    assert first == second


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 409, 410, 422])
async def test_what_will_not_is_a_dead_letter_at_once(sqlite_url: str, receiver: Receiver, status: int) -> None:
    receiver.answers = [web.Response(status=status, headers={"Location": "/elsewhere"}, text="because")]
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, 1, to="crm"))
        assert (row["statusid"], row["failure"]) == (Status.FAILED, "permanent")
        assert str(status) in row["lasterror"]
    assert len(receiver.requests) == 1


async def test_the_time_that_the_receiver_names_is_waited_for(sqlite_url: str, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=503, headers={"Retry-After": "3600"})]
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, 1, to="crm"), Status.RETRYING)
        seconds = "SELECT (julianday(scheduledat) - julianday('now')) * 86400 FROM queue_jobs WHERE id = :id"
        async with hub.database.transaction() as connection:
            wait = (await connection.execute(text(seconds), {"id": row["id"]})).scalar_one()
    assert 3500 < wait <= 3601


async def test_no_answer_in_time_is_tried_again(sqlite_url: str, receiver: Receiver) -> None:
    late = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        await late.wait()
        return web.Response()

    receiver.answers = [never, web.Response(status=200)]
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, 1, to="crm"), Status.RETRYING, Status.COMPLETED)
        assert row["retrycount"] == 1
        assert "within 2 s" in row["lasterror"] or row["statusid"] == Status.COMPLETED
        late.set()


async def test_a_destination_that_is_gone_is_asked_no_more(sqlite_url: str, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=410)]
    async with hub_sending(sqlite_url, receiver) as hub:
        await ended(hub, await request(hub, 1, to="crm"))
        row = await ended(hub, await request(hub, 2, to="crm"))
        assert "410" in row["lasterror"]
    assert len(receiver.requests) == 1


async def test_a_receiver_that_fails_again_and_again_rests(sqlite_url: str, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=500)]
    async with hub_sending(sqlite_url, receiver) as hub:
        jobs = [await request(hub, number, to="crm") for number in range(5)]
        for job in jobs:
            await ended(hub, job, Status.RETRYING, Status.FAILED)
        asked = len(receiver.requests)
        later = await request(hub, 5, to="crm")
        row = await ended(hub, later, Status.SCHEDULED, Status.RETRYING, Status.QUEUED)
        assert row["retrycount"] == 0
        assert len(receiver.requests) <= asked + 1


# --- what is bounded, and what may be reached ------------------------------------------------------------------------


async def test_an_endless_answer_is_cut(sqlite_url: str, receiver: Receiver) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 65536)
        return response

    receiver.answers = [endless]
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, 1, to="crm"))
        assert row["statusid"] == Status.COMPLETED
        assert len(json.loads(row["result"])["body"]) == 2**20


async def test_a_private_address_is_refused_by_number_and_by_name(sqlite_url: str, receiver: Receiver) -> None:
    async with hub_sending(sqlite_url, receiver, allowed_networks=[]) as hub:
        for url in (receiver.url, f"http://localhost:{receiver.port}", f"http://[::ffff:127.0.0.1]:{receiver.port}"):
            row = await ended(hub, await request(hub, 1, url=url))
            assert (row["statusid"], row["failure"]) == (Status.FAILED, "permanent")
            assert "AddressRefused" in row["lasterror"]
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "either `to`"),
        ({"to": "crm", "url": "http://x"}, "either `to`"),
        ({"to": "erp"}, "no destination 'erp'"),
        ({"url": "ftp://example.com"}, "no address"),
        ({"url": "http://xn--/"}, "no address"),
        ({"url": f"http://{'a' * 64}.example/"}, "no address"),
        ({"to": "crm", "method": "TRACE"}, "metadata.method"),
        ({"to": "crm", "path": "x"}, "metadata.path"),
        ({"to": "crm", "path": "/a/../../admin"}, "leads out of"),
        ({"to": "crm", "path": "/%2E%2e/admin"}, "leads out of"),
        ({"to": "crm", "path": "/.\t./admin"}, "leads out of"),
        ({"to": "crm", "headers": {"a\r\nb": "c"}}, "cannot travel"),
        ({"to": "crm", "headers": {"a": "c\r\nd: e"}}, "cannot travel"),
    ],
)
async def test_a_request_that_makes_no_sense_says_why(
    sqlite_url: str, receiver: Receiver, metadata: dict[str, Any], said: str
) -> None:
    async with hub_sending(sqlite_url, receiver) as hub:
        row = await ended(hub, await request(hub, 1, **metadata))
        assert (row["statusid"], row["failure"]) == (Status.FAILED, "permanent")
        assert said in row["lasterror"]
    assert receiver.requests == []
