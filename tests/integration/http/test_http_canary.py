"""A secret of its own in every place that takes one; then everything that a hub says and keeps is searched for them.

The hub is a process as people run it, at the level debug, with connections that work and connections that fail.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import asyncpg
import pytest
import redis.asyncio
from aiohttp import web

from tests.integration.cli_project import CliProject, Running
from tests.servers import MosquittoService, RedisService, free_port

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DEAD_DESTINATIONS = ("refused", "denied", "nowhere")


class Secrets:
    """One for each place, by its name. As text in addresses and headers, in base64 where a scheme wants that."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def text(self, place: str) -> str:
        return self._made.setdefault(place, f"c4n4ry{hashlib.sha256(place.encode()).hexdigest()[:12]}")

    def base64(self, place: str) -> str:
        return base64.b64encode(self.text(place).encode()).decode()

    def found_in(self, text: str) -> set[str]:
        """The places whose secrets show, in any of the forms in which they travel."""
        return {
            place
            for place, secret in self._made.items()
            for form in (secret, self.base64(place).rstrip("="), quote(secret), secret.encode().hex(), _digest(secret))
            if form in text
        }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.fixture
async def partner() -> AsyncIterator[str]:
    """Somebody else's server: /good takes everything, /bad nothing."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"taken": True}, status=401 if request.path.startswith("/bad") else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def document(
    folder: Path, secrets: Secrets, ports: dict[str, int], partner: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The configuration, with references alone, and the variables that they name."""
    variables: dict[str, str] = {}

    def env(place: str, secret: str | None = None) -> str:
        name = place.upper().replace("-", "_")
        variables[name] = secret or secrets.text(place)
        return f"${{env:{name}}}"

    def file(place: str, secret: str | None = None) -> str:
        (folder / place).write_text(f"{secret or secrets.text(place)}\n")
        return f"${{file:{folder / place}}}"

    dead = free_port()
    schemes = {
        "standard-webhooks": f"whsec_{env('standard', secrets.base64('standard'))}",
        "svix": f"whsec_{file('svix', secrets.base64('svix'))}",
        **{name: env(f"sign-{name}") for name in ("github", "stripe", "slack", "shopify")},
    }
    found = {
        "log": {"level": "debug"},
        "jobs": {"enable_metrics": True},
        "cache": {"adapter": "redis", "url": f"redis://:{env('cache')}@127.0.0.1:{ports['redis']}/0"},
        "http": {"port": 0, "outbound": {"allowed_networks": ["127.0.0.0/8"], "allowed_hosts": ["*"]}},
        "auth": {"tokens": [{"name": "head", "role": "admin", "sha256": _digest(secrets.text("token"))}]},
        "adapters": {
            "web": {"type": "http"},
            "live": {"type": "signalr"},
            "browser": {"type": "socketio"},
            "plant": {
                "type": "mqtt", "url": f"mqtt://127.0.0.1:{ports['mqtt']}", "username": "u", "password": env("mqtt"),
            },
            "plant-away": {"type": "mqtt", "url": f"mqtt://u:{env('mqtt-url')}@127.0.0.1:{dead}", "client_id": "b"},
            "erp-away": {
                "type": "kafka", "url": f"kafka://127.0.0.1:{dead}", "username": "u", "password": file("kafka"),
            },
            "erp-address": {"type": "kafka", "url": f"kafka://u:{env('kafka-url')}@127.0.0.1:{dead}"},
            "mes-away": {
                "type": "activemq", "url": f"stomp://127.0.0.1:{dead}", "username": "u", "password": env("stomp"),
            },
            "mes-address": {"type": "activemq", "url": f"stomp://u:{env('stomp-url')}@127.0.0.1:{dead}"},
            "far-away": {"type": "signalr-client", "url": f"http://127.0.0.1:{dead}/hub", "token": env("signalr")},
            "far-denied": {"type": "signalr-client", "url": f"{partner}/bad/hub", "token": env("signalr-denied")},
        },
        "destinations": {
            "crm": {
                "url": f"{partner}/good?key={env('query')}",
                "secret": f"whsec_{env('destination', secrets.base64('destination'))}",
                "headers": {"Authorization": f"Bearer {file('header')}", "X-Api-Key": env("api-key")},
            },
            "denied": {"url": f"{partner}/bad", "headers": {"Authorization": f"Basic {env('basic')}"}},
            "refused": {
                "url": f"http://127.0.0.1:{dead}/{env('path')}",
                "secret": f"whsec_{env('refused', secrets.base64('refused'))}",
            },
            "nowhere": {"url": f"http://u:{env('user-part')}@no-such-host.invalid/"},
        },
        "handlers": [],
        "routes": [
            *(
                {
                    "name": name, "from": "web", "handler": "system.record",
                    "signature": {"scheme": name, "secrets": [secret]},
                }
                for name, secret in schemes.items()
            ),
            {
                "name": "calls", "from": "web", "handler": "http.request",
                "with": {"url": f"{partner}/good", "headers": {"Authorization": f"Bearer {env('with')}"}},
            },
            {
                "name": "calls-denied", "from": "web", "handler": "http.request", "max_retries": 0,
                "with": {"url": f"{partner}/bad", "headers": {"Authorization": f"Bearer {file('with-denied')}"}},
            },
            {"name": "plant", "from": "plant", "topic": "plant/#", "handler": "system.record"},
        ],
    }  # fmt: skip
    return found, variables


class Searched:
    """What the hub answered, so far."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.said: list[str] = []
        self._session = session

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        async with self._session.request(method, f"{self.url}{path}", **more) as answer:
            text = (await answer.read()).decode(errors="replace")
            self.said.append(f"{method} {answer.status} {dict(answer.headers)} {text}")
            return answer.status, text


async def test_no_secret_shows_anywhere(
    postgres_url: str, own_redis: RedisService, mosquitto: MosquittoService, tmp_path: Path, partner: str
) -> None:
    secrets = Secrets()
    async with redis.asyncio.Redis(port=own_redis.port) as plain:
        await plain.config_set("requirepass", secrets.text("cache"))
    ports = {"redis": own_redis.port, "mqtt": mosquitto.port}
    sections, variables = document(tmp_path, secrets, ports, partner)
    address = urlsplit(postgres_url)
    variables["DATABASE"] = secrets.text("database")
    project = CliProject(
        tmp_path, f"postgresql://postgres:${{env:DATABASE}}@{address.hostname}:{address.port}{address.path}", **sections
    )
    running = await project.start("run", **variables)
    try:
        ready = await running.until("listening=")
        reading = asyncio.create_task(running.ended(120))  # the pipe of a hub that says much must not fill up
        url = ready.partition("listening=")[2].split()[0]
        admin = {"Authorization": f"Bearer {secrets.text('token')}"}
        async with aiohttp.ClientSession(headers=admin) as session:
            searched = Searched(url, session)
            await _work(searched, secrets)
            await _everything(searched, secrets)
        told = [
            done.stdout + done.stderr
            for command in (["check", "--connect"], ["check", "--connect", "--json"], ["status"], ["status", "--json"])
            for done in [await asyncio.to_thread(project.process, *command, "--config", str(project.file), **variables)]
        ]
    finally:
        await _stopped(running)
    assert await reading == 0
    assert any("far-denied" in line for line in running.said), "the log is that of a hub with failing adapters"
    assert all("erp-away" in one for one in told[:2]), told[0]
    kept = await _tables(postgres_url)
    assert "queue_jobs" in kept
    assert "job_histories" in kept
    for where, text in {
        "the log": "\n".join(running.said),
        "the answers": "\n".join(searched.said),
        "the commands": "\n".join(told),
        "the tables": kept,
    }.items():
        assert secrets.found_in(text) == set(), where
    # The search finds what is there.
    assert secrets.found_in(json.dumps(variables)) > {"mqtt", "standard", "database", "with"}


async def _stopped(running: Running) -> None:
    if running.process.returncode is None:
        running.process.terminate()
    try:
        async with asyncio.timeout(20):
            await running.process.wait()
    finally:
        await running.kill()


async def _work(hub: Searched, secrets: Secrets) -> None:
    """Messages that succeed and messages that fail, by every secret there is."""
    jobs = []
    for route in ("calls", "calls-denied"):
        status, text = await hub.ask("POST", f"/webhooks/{route}", json={"n": 1})
        assert status == 202, text
        jobs.append(json.loads(text)["job_id"])
    for name in ("crm", *DEAD_DESTINATIONS, "erp-away", "mes-away", "plant", "far-denied"):
        job = {
            "handler": "publish", "maxretries": 0, "payload": {"n": 1},
            "metadata": {"to": name, "topic": "t"},
        }  # fmt: skip
        status, text = await hub.ask("POST", "/api/queue", json=job)
        assert status == 201, text
        if name in ("crm", "denied", "plant"):
            jobs.append(json.loads(text)["id"])
    for route in ("standard-webhooks", "svix", "github", "stripe", "slack", "shopify"):
        headers = {"webhook-signature": "v1,AAAA", "webhook-id": "1", "webhook-timestamp": str(int(time.time()))}
        status, _ = await hub.ask("POST", f"/webhooks/{route}", json={}, headers=headers)
        assert status == 401
    body, stamp = b'{"n": 1}', str(int(time.time()))
    key = secrets.text("standard").encode()
    signature = base64.b64encode(hmac.digest(key, f"m1.{stamp}.".encode() + body, "sha256")).decode()
    headers = {"webhook-signature": f"v1,{signature}", "webhook-id": "m1", "webhook-timestamp": stamp}
    status, text = await hub.ask("POST", "/webhooks/standard-webhooks", data=body, headers=headers)
    assert status == 202, text
    async with asyncio.timeout(60):
        for job in jobs:
            while True:
                if await _ended(hub, job):
                    break
                await asyncio.sleep(0.05)


async def _ended(hub: Searched, job: str) -> bool:
    _, text = await hub.ask("GET", f"/api/queue/{job}")
    return json.loads(text)["status"] in ("completed", "failed")


async def _everything(hub: Searched, secrets: Secrets) -> None:
    """Every page and list, and the answers to what is wrong."""
    _, text = await hub.ask("GET", "/openapi.json")
    paths = [path for path, item in json.loads(text)["paths"].items() if "get" in item and "{" not in path]
    assert {"/api/configuration", "/api/adapters", "/api/dead", "/api/histories", "/metrics", "/docs"} <= set(paths)
    for path in paths:
        status, text = await hub.ask("GET", path)
        assert status == 200 or path == "/ready", (path, text)
    for job in json.loads((await hub.ask("GET", "/api/queue?limit=200"))[1])["data"]:
        await hub.ask("GET", f"/api/queue/{job['id']}")
    token = secrets.text("token")
    wrong = {"Authorization": f"Bearer {secrets.text('wrong-token')}"}
    for method, path, more in (
        ("GET", f"/nowhere?access_token={token}", {}),
        ("GET", "/api/queue", {"headers": wrong}),
        ("GET", f"/api/queue?token={token}", {}),
        ("POST", f"/signalr/negotiate?negotiateVersion=1&access_token={token}", {}),
        ("POST", "/signalr/negotiate?negotiateVersion=1", {"headers": wrong}),
        ("GET", f"/signalr?access_token={token}&id=nobody", {}),
        ("GET", f"/socket.io/?EIO=4&transport=polling&token={token}", {}),
        ("GET", "/socket.io/?EIO=4&transport=polling", {"headers": wrong}),
    ):
        await hub.ask(method, path, **more)


async def _tables(url: str) -> str:
    """Everything in the database, as text."""
    connection = await asyncpg.connect(url)
    try:
        names = [
            row["tablename"]
            for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        rows = [f"{name} {dict(row)}" for name in names for row in await connection.fetch(f'SELECT * FROM "{name}"')]
    finally:
        await connection.close()
    return "\n".join([*names, *rows])
