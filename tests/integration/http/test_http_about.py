"""Health, readiness, metrics, configuration and routes; and what a lost database makes of them all."""

import asyncio
from typing import Any

from tests.integration.http.rig import Serve, serving
from tests.servers import PostgresService


async def test_alive_and_ready(serve: Serve) -> None:
    async with serve() as hub:
        for path in ("/health", "/api/health"):
            answer = await hub.get(path)
            assert (answer.status, answer.json()["status"]) == (200, "ok")
        answer = await hub.get("/ready")
        assert (answer.status, answer.json()) == (200, {"status": "ready"})


async def test_metrics_are_there_unless_they_are_off(serve_one: Serve) -> None:
    async with serve_one() as hub:
        await hub.good()
        answer = await hub.get("/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert b'hub_ingested_total{outcome="accepted",route="orders"} 1.0' in answer.body
    async with serve_one(jobs={"enable_metrics": False}) as hub:
        answer = await hub.get("/metrics")
        assert (answer.status, answer.problem()["code"]) == (404, "metrics-disabled")


async def test_the_configuration_is_shown_without_secrets(serve_one: Serve) -> None:
    async with serve_one(work=False) as hub:
        found = (await hub.get("/api/configuration")).json()
        assert found["jobs"]["workers"] == 5
        (route,) = (await hub.get("/api/routes")).json()["data"]
        assert (route["name"], route["adapter_type"], route["webhook"]) == ("orders", "http", "/webhooks/orders")


async def test_a_database_that_is_away_is_503_until_it_is_back(own_postgres: PostgresService) -> None:
    url = own_postgres.create_database("hub")
    async with serving(url) as hub:
        await hub.good()
        own_postgres.kill9()
        calls: list[tuple[str, str, Any]] = [
            ("POST", "/webhooks/orders", {}),
            ("POST", "/api/queue", {"handler": "h"}),
            ("GET", "/api/queue", None),
            ("GET", "/api/statistics", None),
            ("POST", "/api/dead/redrive", {"filter": {}}),
        ]
        for method, path, body in calls:
            answer = await hub.call(method, path, json=body)
            problem = answer.problem()
            assert (answer.status, problem["code"]) == (503, "database-unavailable"), path
            assert answer.headers["Retry-After"]
            assert "127.0.0.1" not in problem["detail"]
        assert (await hub.get("/health")).json()["status"] == "degraded"
        answer = await hub.get("/ready")
        assert (answer.status, answer.problem()["reasons"]) == (503, ["the database is away"])
        own_postgres.restart()
        async with asyncio.timeout(15):
            while (await hub.get("/ready")).status != 200:
                await asyncio.wait([asyncio.create_task(hub.engine.store.reachable())])
        await hub.good()
