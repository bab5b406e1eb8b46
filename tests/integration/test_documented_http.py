"""The requests of the background job service's documents, by curl as they stand, against `hub run` (the port aside)."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli_project import ROOT, CliProject, Running

PATIENCE = 45.0

CREATE_RESOURCE_JOB = """
curl -X POST http://localhost:8082/api/jobs/create \\
  -H "Content-Type: application/json" \\
  -d '{
    "user_id": "123e4567-e89b-12d3-a456-426614174000",
    "resource_type": "ai_agent",
    "resource_id": "456e7890-e89b-12d3-a456-426614174001",
    "payload": "{\\"task\\": \\"process_data\\", \\"data\\": \\"example\\"}",
    "priority": 1,
    "scheduled_at": "2024-01-01T12:00:00Z",
    "max_retries": 3
  }'
"""
HEALTH = "curl http://localhost:8080/health"
API_HEALTH = "curl http://localhost:8082/api/health"
SHOW = "curl http://localhost:8080/jobs/{job_id}"
CREATE_INTERVAL_JOB = """
curl -X POST http://localhost:8080/jobs -H "Content-Type: application/json" -d '{
  "name": "My Job",
  "workspace_id": "123e4567-e89b-12d3-a456-426614174000",
  "payload": {"tasks": [{"name": "a", "handler": "agents.client", "payload": {}},
                        {"name": "b", "handler": "system.record", "payload": {"n": 2}}]},
  "type": "interval",
  "interval": "* * * * * *",
  "enable_recovery": true
}'
"""
CREATE_SCHEDULED_JOB = """
curl -X POST http://localhost:8080/jobs -H "Content-Type: application/json" -d '{
  "name": "Once",
  "workspace_id": "123e4567-e89b-12d3-a456-426614174000",
  "payload": "{\\"task\\": \\"process_data\\"}",
  "type": "scheduled",
  "schedule": "2024-01-01T12:00:00Z"
}'
"""


class Shell:
    """Runs the documents' commands with the port of a hub."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def __call__(self, command: str, method: str = "") -> tuple[int, Any]:
        """(status, the answer as JSON)."""
        for documented in ("http://localhost:8080", "http://localhost:8082"):
            command = command.replace(documented, self._address)
        line = command.strip().replace("curl ", f"curl -s -w '\\n%{{http_code}}' {method} ", 1)
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", line], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else None

    async def until(self, command: str, **members: Any) -> Any:
        """The answer, once it has these members."""
        found: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    _, found = await self(command)
                    if {name: found.get(name) for name in members} == members:
                        return found
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{command}: {found} instead of {members}") from None


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    """`hub run` with the configuration as it is shipped, on a port and a database of its own."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    url = request.getfixturevalue({"postgresql": "postgres_url"}.get(request.param, f"{request.param}_url"))
    project = CliProject(tmp_path, url)
    shipped = json.loads((ROOT / "config" / "configuration.json").read_text())
    project.configure(**{name: value for name, value in shipped.items() if name not in ("$schema", "database", "http")})
    started = await project.start("run", PYTHONPATH=str(ROOT))
    yield started
    await started.kill()


@pytest.fixture
async def curl(running: Running) -> Shell:
    ready = await running.until("ready")
    return Shell(ready.partition("listening=")[2].split()[0].rstrip(","))


async def test_the_documented_requests(running: Running, curl: Shell) -> None:
    status, health = await curl(HEALTH)
    assert (status, health["status"], health["recovery"]["enabled"]) == (200, "ok", True)
    assert (await curl(API_HEALTH))[0] == 200

    status, made = await curl(CREATE_RESOURCE_JOB)
    assert (status, list(made)) == (201, ["job_id"])
    show = f"curl http://localhost:8082/api/jobs/{made['job_id']}"
    job = await curl.until(show, status="completed")
    assert job["payload"] == '{"task": "process_data", "data": "example"}'

    status, interval = await curl(CREATE_INTERVAL_JOB)
    assert (status, interval["type"], interval["handler"], interval["status"]) == (
        201,
        "interval",
        "system.tasks",
        "active",
    )
    shown = SHOW.format(job_id=interval["id"])
    seen = await until_progress(curl, shown)
    assert {task["name"]: task["status"] for task in seen["tasks"]} == {"a": "completed", "b": "completed"}
    assert seen["tasks"][1]["result"] == {"n": 2}

    status, once = await curl(CREATE_SCHEDULED_JOB)
    assert (status, once["enable_recovery"]) == (201, True)
    ended = await curl.until(SHOW.format(job_id=once["id"]), status="completed")
    assert (ended["execution_count"], ended["last_error"]) == (1, None)
    await running.until("no handler was named")

    status, page = await curl("curl http://localhost:8080/jobs")
    assert (status, page["total"], page["totalPage"], page["page"]) == (200, len(page["data"]), 1, 1)
    status, paused = await curl(shown.replace(interval["id"], f"{interval['id']}/pause"), "-X PATCH")
    assert (status, paused["status"]) == (200, "paused")
    status, resumed = await curl(shown.replace(interval["id"], f"{interval['id']}/resume"), "-X PATCH")
    assert status == 200
    assert resumed["status"] in ("active", "processing")
    status, changed = await curl(
        f"{shown} -H 'Content-Type: application/json' -d '{{\"enable_recovery\": false}}'", "-X PUT"
    )
    assert (status, changed["enable_recovery"]) == (200, False)
    assert await curl(shown, "-X DELETE") == (204, None)
    assert (await curl(shown))[0] == 404


async def until_progress(curl: Shell, shown: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            _, job = await curl(shown)
            progress = job["interval_progress"]
            if progress is not None and progress["status"] == "completed":
                return progress
            await asyncio.sleep(0.1)
