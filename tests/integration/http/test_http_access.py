"""Who may do what: tokens, roles, Host and Origin, and a table without a gap."""

import hashlib
import json
import re
import socket

import pytest

from hub import console
from hub.adapters.http.webhook import PATH
from hub.api import docs
from hub.api.access import Role
from hub.api.application import build_application, endpoints
from hub.api.server import CannotListen, HttpServer, ServerSettings
from tests.integration.http.rig import Serve

OPEN = {"/health", "/api/health", "/ready", docs.HOME, *docs.FILES, *console.FILES}


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


AUTH = {
    "tokens": [
        {"name": "eye", "role": "viewer", "sha256": digest("t-viewer")},
        {"name": "hand", "role": "operator", "sha256": digest("t-operator")},
        {"name": "head", "role": "admin", "sha256": digest("t-admin")},
    ]
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- roles --------------------------------------------------------------------------------------------------------


async def test_every_address_denies_who_has_no_token_unless_it_is_open(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        table = endpoints(hub.services)
        routes = {(route.method, route.resource.canonical) for route in hub.app.router.routes() if route.resource}
        assert {(one.method, one.path) for one in table} == {one for one in routes if one[0] != "HEAD"}
        # A webhook may be open to whoever signs; this one is not signed.
        assert {one.path for one in table if one.role is Role.ANYONE} == {*OPEN, PATH}
        for one in table:
            path = re.sub(r"\{\w+\}", "x", one.path.replace("{route}", "orders"))
            answer = await hub.call(one.method, path)
            if one.path in OPEN:
                assert answer.status == 200
                continue
            assert (answer.status, answer.problem()["code"]) == (401, "unauthorized"), path
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            for token, role in (("t-viewer", Role.VIEWER), ("t-operator", Role.OPERATOR), ("t-admin", Role.ADMIN)):
                answer = await hub.call(one.method, path, headers=bearer(token))
                needed = Role.OPERATOR if one.path == PATH else one.role
                assert (answer.status == 403) is (role < needed), (path, token)
                assert answer.status != 401
        assert await hub.rows() == 2  # operator and admin posted a webhook without a body each


async def test_a_routes_own_settings_are_not_an_operators_to_write(serve_one: Serve) -> None:
    """`metadata.with` holds the statement of sql.execute: whoever may set it may run SQL."""
    job = {"handler": "sql.execute", "metadata": {"with": {"statement": "DROP TABLE queue_jobs"}}}
    async with serve_one(auth=AUTH, work=False) as hub:
        answer = await hub.call("POST", "/api/queue", json=job, headers=bearer("t-operator"))
        assert (answer.status, answer.problem()["field"]) == (403, "metadata.with")
        assert (await hub.call("POST", "/api/queue", json=job, headers=bearer("t-admin"))).status == 201
        assert await hub.rows() == 1


@pytest.mark.parametrize(
    "value",
    ["Bearer wrong", "Bearer", "Bearer  ", "Basic dTpw", "t-admin", "bearer " + "x" * 600, "Bearer t-admin, t-admin"],
)
async def test_a_token_that_nobody_has_opens_nothing(serve_one: Serve, value: str) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        for path in ("/api/queue", "/health"):
            answer = await hub.get(path, headers={"Authorization": value})
            assert answer.status == 401
            answer.problem()
        assert (await hub.get("/api/queue", headers={"authorization": "bearer t-viewer"})).status == 200


async def test_viewers_see_that_not_what(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH) as hub:
        body = json.dumps({"number": "s3cret-payload"}).encode()
        headers = {**bearer("t-operator"), "X-Kind": "s3cret-header"}
        job_id = (await hub.post("/webhooks/orders", data=body, headers=headers)).json()["job_id"]
        assert await hub.seen.get()
        paths = [
            "/api/queue",
            f"/api/queue/{job_id}",
            "/api/histories",
            f"/api/jobs/{job_id}",
            "/api/jobs",
            "/api/dead",
        ]
        for path in paths:
            seen = await hub.get(path, headers=bearer("t-viewer"))
            assert seen.status == 200
            assert b"s3cret" not in seen.body, path
        assert b"s3cret-payload" in (await hub.get(f"/api/queue/{job_id}", headers=bearer("t-operator"))).body
        detail = (await hub.get(f"/api/queue/{job_id}", headers=bearer("t-viewer"))).json()
        assert (detail["handler"], detail["status"]) == ("seen", detail["status"])


async def test_details_of_health_are_for_callers_with_a_role(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        assert (await hub.get("/health")).json() == {"status": "ok"}
        assert "jobs" in (await hub.get("/health", headers=bearer("t-viewer"))).json()


class Tokens:
    """The database's tokens, counted."""

    def __init__(self) -> None:
        self.known = {digest("t-database"): ("db", "operator")}
        self.asked = 0

    async def find(self, sha256: str) -> tuple[str, str] | None:
        self.asked += 1
        return self.known.get(sha256)


async def test_tokens_of_the_database_count_and_are_remembered_for_a_moment(serve_one: Serve) -> None:
    tokens = Tokens()
    async with serve_one(auth={"required": True}, tokens=tokens, work=False) as hub:
        for _ in range(3):
            assert (await hub.post("/api/queue", {"handler": "h"}, headers=bearer("t-database"))).status == 201
            assert (await hub.get("/api/queue", headers=bearer("t-other"))).status == 401
        assert tokens.asked == 2
        (row,) = await hub.sql("SELECT DISTINCT createdby FROM queue_jobs")
        assert row["createdby"] == "db"


async def test_neither_tokens_nor_digests_are_ever_shown(serve_one: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with serve_one(auth=AUTH) as hub:
        for path in ("/api/configuration", "/api/routes", "/health", "/metrics", "/api/queue"):
            answer = await hub.get(path, headers=bearer("t-admin"))
            assert answer.status == 200
            for token in ("t-viewer", "t-operator", "t-admin"):
                assert token.encode() not in answer.body
                assert digest(token).encode() not in answer.body
        await hub.post("/webhooks/orders", {}, headers=bearer("t-operator"))
        await hub.seen.get()
        assert "t-operator" not in str(await hub.sql("SELECT * FROM queue_jobs"))
        assert "t-admin" not in caplog.text
        assert digest("t-admin") not in caplog.text


async def test_a_caller_has_a_rate(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, http={"rate_limit": 0.01}, work=False) as hub:
        assert (await hub.get("/api/queue", headers=bearer("t-viewer"))).status == 200
        answer = await hub.get("/api/queue", headers=bearer("t-viewer"))
        assert (answer.status, answer.problem()["code"]) == (429, "too-many-requests")
        assert int(answer.headers["Retry-After"]) > 10
        assert (await hub.get("/api/queue", headers=bearer("t-admin"))).status == 200


async def test_health_is_told_without_a_rate(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, http={"rate_limit": 0.01}, work=False) as hub:
        for _ in range(3):
            assert (await hub.get("/health")).status == 200
        assert [(await hub.post("/webhooks/orders", {})).status for _ in range(2)] == [401, 429]


# --- Host and Origin ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:{port}", "[::1]:80", "LOCALHOST:9", "127.1.2.3", "hub.test:1"]
)
async def test_loopback_names_and_listed_ones_are_answered(serve_one: Serve, host: str) -> None:
    async with serve_one(http={"allowed_hosts": ["hub.test"]}, work=False) as hub:
        answer = await hub.get("/health", headers={"Host": host.replace("{port}", str(hub.port))})
        assert answer.status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("0.0.0.0", 403),
        ("192.168.1.1", 403),
        ("[::ffff:10.0.0.1]", 403),
        ("", 400),
        ("local host", 400),
        ("user@localhost", 400),
        ("localhost:port", 400),
    ],
)
async def test_a_rebound_name_gets_nowhere(serve_one: Serve, host: str, status: int) -> None:
    async with serve_one() as hub:
        for path in ("/health", "/api/queue", "/nowhere"):
            answer = await hub.raw(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert answer.status == status
            answer.problem()
        await hub.good()


async def test_with_tokens_any_host_is_answered_unless_they_are_listed(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        assert (await hub.get("/health", headers={"Host": "hub.example"})).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "x", "http://["]
)
async def test_a_foreign_page_is_refused(serve_one: Serve, origin: str) -> None:
    async with serve_one() as hub:
        for method, path in (("POST", "/api/queue"), ("POST", "/webhooks/orders"), ("GET", "/api/queue")):
            answer = await hub.call(
                method, path, headers={"Origin": origin}, data=b'{"handler": "h"}' if method == "POST" else None
            )
            assert (answer.status, answer.problem()["code"]) == (403, "origin-refused")
        assert await hub.rows() == 0
        await hub.good()


async def test_the_hubs_own_page_and_listed_ones_may_call(serve_one: Serve) -> None:
    async with serve_one(http={"allowed_origins": ["https://app.example"]}, work=False) as hub:
        assert (await hub.get("/api/queue", headers={"Origin": hub.server.address})).status == 200
        listed = {"Origin": "https://app.example"}
        answer = await hub.get("/api/queue", headers=listed)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
        asked = await hub.call("OPTIONS", "/api/queue", headers={**listed, "Access-Control-Request-Method": "POST"})
        assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
        assert (await hub.call("OPTIONS", "/api/queue")).status == 405


# --- where it listens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_without_tokens_it_refuses_to_be_reached_from_outside(serve_one: Serve, host: str) -> None:
    async with serve_one(work=False) as hub:
        server = HttpServer(host, 0, build_application(hub.services))
        with pytest.raises(CannotListen, match="token"):
            await server.start()
        await server.stop()


async def test_with_tokens_it_may_be(serve_one: Serve) -> None:
    async with serve_one(auth=AUTH, work=False) as hub:
        server = HttpServer("0.0.0.0", 0, build_application(hub.services), ServerSettings(authenticated=True))
        await server.start()
        await server.stop()


async def test_a_port_in_use_is_named_with_a_remedy(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            server = HttpServer("127.0.0.1", port, build_application(hub.services))
            with pytest.raises(CannotListen, match=rf"port {port} .*in use.*http\.port"):
                await server.start()


async def test_a_name_that_is_no_address(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        with pytest.raises(CannotListen, match=r"no address"):
            await HttpServer("nowhere.invalid", 0, build_application(hub.services)).start()
