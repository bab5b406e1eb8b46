"""The README's commands and snippets, run as they stand (port and interpreter aside)."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PATIENCE = 30.0


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def block(language: str, containing: str) -> str:
    [found] = [text for text in blocks(language) if containing in text]
    return found


def of_this_environment(commands: str) -> str:
    """The same commands with the interpreter that runs the tests."""
    meant = {"hub": f"{sys.executable} -m hub", "python": sys.executable}
    return re.sub(r"\.venv/bin/(hub|python)", lambda match: meant[match[1]], commands)


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true answer of `what`, which is asked until it gives one."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if answer := what():
            return answer
        time.sleep(0.02)
    pytest.fail("it did not happen in time")


class RunningHub:
    """`hub run` with the shipped configuration in a folder of its own."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.environ = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(self.port), **environ}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hub", "run", "--config", "config/configuration.json"],
                cwd=folder, env=self.environ, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        wait_for(self._ready)

    def _ready(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def shell(self, commands: str, **more: str) -> str:
        """Run a block of the README as a shell would."""
        commands = commands.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        commands = of_this_environment(commands)
        done = subprocess.run(
            ["sh", "-ec", commands], cwd=self.folder, env={**self.environ, **more}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = json.loads(self.shell(f"curl -s http://127.0.0.1:8080/api/queue/{job_id}"))
        return job

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


@pytest.fixture(params=[None, "postgres_url", "mariadb_url"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningHub]:
    environ = {"DATABASE_URL": request.getfixturevalue(request.param)} if request.param else {}
    shutil.copytree(ROOT / "config", tmp_path / "config")
    running = RunningHub(tmp_path, environ)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def test_a_posted_order_is_a_job_a_history_and_the_handlers_own_row(hub: RunningHub) -> None:
    answer = json.loads(hub.shell(block("sh", "/webhooks/orders")))
    example = json.loads(block("json", "job_id"))
    assert answer.keys() == example.keys()
    assert answer["duplicate"] is False
    done = wait_for(lambda: (job := hub.job(answer["job_id"]))["status"] == "completed" and job)
    assert json.loads(done["result"]) == {"receipt": "R-7"}
    assert [(h["statusid"], h["result"]) for h in done["histories"]] == [(3, "Success")]
    looked = block("sh", "$JOB_ID")
    if "DATABASE_URL" in hub.environ:
        looked = "\n".join(line for line in looked.splitlines() if "sqlite3" not in line)
    said = hub.shell(looked, JOB_ID=answer["job_id"])
    assert "order.processing" in said
    if "DATABASE_URL" not in hub.environ:
        assert "Ada" in said
    assert hub.stop() == 0


def test_a_row_by_sql_is_a_job_too(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    hub = RunningHub(tmp_path, {})
    try:
        with sqlite3.connect(tmp_path / "data" / "hub.db") as shell:
            shell.executescript(block("sql", "INSERT INTO queue_jobs"))
        [row] = wait_for(lambda: list(json.loads(hub.shell("curl -s http://127.0.0.1:8080/api/queue"))["data"]))
        wait_for(lambda: hub.job(row["id"])["status"] == "completed")
    finally:
        hub.stop()
        shell.close()


def test_the_check_command_finds_nothing_wrong() -> None:
    [command] = [text for text in blocks("sh") if "hub check" in text]
    done = subprocess.run(
        ["sh", "-ec", of_this_environment(command)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


APPLICATION = """
import asyncio, json, pathlib, sys
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from hub import Hub

async def main(session):
    async def ended(count):
        while len(found := [j for j in (await hub.records.jobs())[0] if j["statusid"] == 3]) < count:
            await asyncio.sleep(0.02)
        return found
SNIPPET
        await session.commit()
        return await ended(4)

async def run():
    pathlib.Path("data").mkdir()
    engine = create_async_engine("sqlite+aiosqlite:///data/hub.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE payments (invoice INTEGER, cents INTEGER)"))
    async with AsyncSession(engine) as session:
        jobs = await main(session)
        paid = (await session.execute(text("SELECT invoice, cents FROM payments ORDER BY invoice"))).all()
    await engine.dispose()
    print(json.dumps({"handlers": sorted(j["handler"] for j in jobs), "paid": [list(row) for row in paid]}))

asyncio.run(asyncio.wait_for(run(), 30))
"""


def test_the_handlers_and_the_application_of_the_readme_run(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    configuration = {
        "database": {"url": "sqlite:///data/hub.db"},
        "http": {"port": 0},
        "jobs": {"enabled": True},
        "handlers": ["invoices"],
        "adapters": {"web": {"type": "http"}},
        "routes": [json.loads(block("json", "payload.event_id"))],
    }
    configuration["jobs"]["queues"] = {"default": 2, "critical": 2}  # type: ignore[index]  # a literal of mixed types
    (tmp_path / "config" / "configuration.json").write_text(json.dumps(configuration))
    (tmp_path / "invoices.py").write_text(block("python", "@handler"))
    snippet = textwrap.indent(block("python", "Hub.from_file"), "    ")
    (tmp_path / "application.py").write_text(APPLICATION.replace("SNIPPET", snippet.rstrip()))
    done = subprocess.run(
        [sys.executable, "application.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "handlers": ["invoice.mail", "invoice.mail", "invoice.pay", "invoice.pay"],
        "paid": [[7, 1250], [8, 99]],
    }


async def test_every_python_block_compiles() -> None:
    for text in blocks("python"):
        compile(f"async def readme():\n{textwrap.indent(text, '    ')}", "README.md", "exec")
    await asyncio.sleep(0)
