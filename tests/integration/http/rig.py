"""A hub's HTTP side on a loopback port, with a real database and a handler that says what it got."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from sqlalchemy import text

from hub.api.access import TokenStore
from hub.api.application import build_application
from hub.api.server import HttpServer, ServerSettings
from hub.api.services import ApiServices
from hub.clock import SystemClock
from hub.config import Configuration, build
from hub.db.engine import open_database
from hub.db.migrator import migrate
from hub.db.settings import DatabaseSettings
from hub.handlers.job import Job
from hub.handlers.mark import handler
from hub.handlers.registry import Registry
from hub.ingest.intake import Intake
from hub.ingest.pressure import Pressure, PressureLimits
from hub.ingest.route import RouteTable
from hub.ports import Database
from hub.queue.claims import StoreSettings
from hub.queue.engine import Engine, EngineSettings
from hub.queue.records import Records
from hub.queue.worker import PoolSettings
from hub.scheduler.control import Control
from hub.scheduler.records import JobRecords
from hub.telemetry import Metrics, NoMetrics

PATIENCE = 20.0
"""Seconds after which a good message must have been processed, whatever came before."""

_numbers = itertools.count(1)

ORDERS = {"name": "orders", "from": "web", "handler": "seen"}


class Answer:
    """A status, headers and a body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self) -> Any:
        """The problem, once its form is checked."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        found = self.json()
        assert found["status"] == self.status
        assert found["code"]
        assert found["title"]
        assert found["detail"]
        return found


class Served:
    """A serving hub. `seen` holds the payloads that the handler `seen` got."""

    def __init__(
        self,
        server: HttpServer,
        app: web.Application,
        services: ApiServices,
        database: Database,
        engine: Engine,
        seen: asyncio.Queue[Any],
    ) -> None:
        self.server = server
        self.app = app
        self.services = services
        self.database = database
        self.engine = engine
        self.seen = seen
        self.session = aiohttp.ClientSession()
        self._writers: list[asyncio.StreamWriter] = []
        self.port = urlsplit(server.address).port or 0

    async def call(self, method: str, path: str, **more: Any) -> Answer:
        async with self.session.request(method, self.server.address + path, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(self, path: str, value: Any = None, **more: Any) -> Answer:
        """`value` as JSON, unless `data` is given."""
        if "data" not in more:
            more["json"] = value
        return await self.call("POST", path, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await self.session.close()

    async def raw(self, *pieces: bytes) -> Answer:
        """Send bytes as they are, and read the answer until the server closes."""
        reader, writer = await self.connect()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await read_answer(reader)
        finally:
            writer.close()

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            answer = await connection.execute(text(statement), parameters)
            return [row._mapping for row in answer] if answer.returns_rows else []

    async def rows(self) -> int:
        return int((await self.sql("SELECT count(*) AS n FROM queue_jobs"))[0]["n"])

    async def good(self) -> None:
        """A good message gets in and is processed in time."""
        token = next(_numbers)
        async with asyncio.timeout(PATIENCE):
            answer = await self.post("/webhooks/orders", {"good": token})
            assert answer.status == 202, answer.body
            while (await self.seen.get()) != {"good": token}:
                pass


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer of the server."""
    async with asyncio.timeout(PATIENCE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        headers = {name.title(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        return Answer(int(lines[0].split()[1]), headers, body)


@asynccontextmanager
async def serving(
    url: str,
    *,
    routes: list[dict[str, Any]] | None = None,
    http: dict[str, Any] | None = None,
    auth: dict[str, Any] | None = None,
    jobs: dict[str, Any] | None = None,
    work: bool = True,
    server: ServerSettings | None = None,
    depth: Callable[[], Awaitable[int]] | None = None,
    tokens: TokenStore | None = None,
    limits: PressureLimits | None = None,
    application_name: str = "hub",
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Served]:
    """The parts of a hub that HTTP needs, put together; `work`: jobs are run."""
    configuration = build(
        {
            "http": {"port": 0, **(http or {})},
            "auth": auth or {},
            "jobs": {"enabled": True, "workers": 5, "enable_metrics": True, **(jobs or {})},
            "adapters": {"web": {"type": "http"}, "plant": {"type": "mqtt", "url": "mqtt://127.0.0.1"}},
            "routes": [ORDERS] if routes is None else routes,
            "resource_types": {
                "ai_agent": {"handler": "seen", "timeout": 600, "max_retries": 7},
                "client_agent": {"handler": "agents.client", "timeout": 60},
                "other_client": {"handler": "agents.client"},
            },
        },
        environ or {},
    )
    seen: asyncio.Queue[Any] = asyncio.Queue()

    @handler("seen")
    async def see(payload: Any, job: Job) -> dict[str, Any]:
        if payload == "fail":
            raise ValueError("asked to fail")
        seen.put_nowait(payload)
        return {"seen": True}

    await migrate(url)
    clock = SystemClock()
    metrics: Metrics = Metrics() if configuration.jobs.enable_metrics else NoMetrics()
    database = open_database(url, DatabaseSettings(pool=4, application_name=application_name), clock)
    registry = Registry().add(see)
    engine = Engine(
        database,
        registry,
        clock,
        metrics,
        EngineSettings(
            store=StoreSettings(owner="tests", max_retries=0),
            pool=PoolSettings(workers=5, queues={"default": 5}, shutdown_timeout=5),
            work=work,
        ),
    )
    async with AsyncExitStack() as stack:
        await database.start()
        stack.push_async_callback(database.stop)
        await engine.start()
        stack.push_async_callback(engine.stop)
        services = _services(configuration, database, engine, registry, clock, metrics, depth, tokens, limits)
        app = build_application(services)
        listening = HttpServer(
            configuration.http.host,
            0,
            app,
            server
            or ServerSettings(
                request_timeout=configuration.http.request_timeout,
                max_connections=configuration.http.max_connections,
                authenticated=configuration.auth.enforced,
            ),
        )
        await listening.start()
        stack.push_async_callback(listening.stop)
        served = Served(listening, app, services, database, engine, seen)
        stack.push_async_callback(served.close)
        yield served


Serve = Callable[..., AbstractAsyncContextManager[Served]]


def _services(
    configuration: Configuration,
    database: Database,
    engine: Engine,
    registry: Registry,
    clock: SystemClock,
    metrics: Metrics,
    depth: Callable[[], Awaitable[int]] | None,
    tokens: TokenStore | None,
    limits: PressureLimits | None,
) -> ApiServices:
    records = Records(database, engine.store, woken=engine.woken)
    kinds = {name: adapter.type for name, adapter in configuration.adapters.items()}
    table = RouteTable.compile(configuration.routes, kinds, registry.queues())
    pressure = Pressure(engine.commit, depth or records.depth, clock, limits)

    async def health() -> dict[str, Any]:
        return {
            "status": "ok" if await engine.store.reachable() else "degraded",
            "version": "1",
            "jobs": engine.state(),
        }

    async def ready() -> list[str]:
        return [] if await engine.store.reachable() else ["the database is away"]

    return ApiServices(
        configuration=configuration,
        intake=Intake(table, pressure, clock, max_depth=configuration.http.max_depth, metrics=metrics),
        records=records,
        store=engine.store,
        commit=engine.commit,
        cancel=engine.cancel,
        clock=clock,
        telemetry=metrics,
        health=health,
        ready=ready,
        tokens=tokens,
        arrived=engine.arrived,
        jobs=JobRecords(database, clock),
        schedules=Control(database, clock),
    )
