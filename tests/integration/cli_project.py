"""A project on disk, and `hub` run in it: inside this process for its answers, as a process of its own for its life."""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from hub.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
# What would change the configuration from outside.
VARIABLES = (
    *("HUB_CONFIG", "HUB_TOKEN", "DATABASE_URL", "MAX_WORKERS", "PORT", "ENABLE_RECOVERY", "DEFAULT_RECOVERY_ENABLED"),
    *("RECOVERY_CHECK_INTERVAL", "MAX_RECOVERY_ATTEMPTS", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASS", "DB_NAME"),
)


class CliProject:
    """A configuration on `url`, in a folder of its own."""

    def __init__(self, folder: Path, url: str, **sections: Any) -> None:
        self.folder = folder
        self.url = url
        self.file = folder / "configuration.json"
        self.document: dict[str, Any] = {
            "database": {"url": url},
            "http": {"port": 0},
            "jobs": {"enabled": True, "workers": 4, "poll_interval": "100ms"},
        }
        self.configure(**sections)

    def configure(self, **sections: Any) -> None:
        """Write the configuration, with these sections laid over what was there."""
        for name, value in sections.items():
            both = isinstance(value, dict) and isinstance(self.document.get(name), dict)
            self.document[name] = {**self.document[name], **value} if both else value
        self.file.write_text(json.dumps(self.document))

    def handlers(self, source: str, name: str = "cli_handlers") -> None:
        """Write a module of handlers, and name it."""
        (self.folder / f"{name}.py").write_text(source)
        self.configure(handlers=[name])

    def hub(self, *arguments: str, input: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
        """Run a command on this project, in this process, in a thread: the caller may be inside an event loop."""
        words = [*arguments, "--config", str(self.file)]
        environment = {**dict.fromkeys(VARIABLES), **(env or {})}
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(CliRunner().invoke, app, words, input=input, env=environment).result()

    def ok(self, *arguments: str, input: str | bytes | None = None) -> str:
        """What a command that must go well says on standard output."""
        done = self.hub(*arguments, input=input)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: str, input: str | bytes | None = None) -> Any:
        """The same, as JSON."""
        return json.loads(self.ok(*arguments, "--json", input=input))

    # --- as a process ------------------------------------------------------------------------------------------------

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}

    def process(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`python -m hub`, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "hub", *arguments],
            cwd=self.folder,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
        )

    async def start(self, *arguments: str, **variables: str) -> "Running":
        """`python -m hub` with its standard error to be followed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub", *arguments, "--config", str(self.file)),
            cwd=self.folder,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Running(process)


class Running:
    """A process that is being followed; `said` are its lines so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def until(self, text: str, timeout: float = 60.0) -> str:
        """The next line on standard error with `text` in it."""
        assert self.process.stderr is not None
        try:
            async with asyncio.timeout(timeout):
                async for line in self.process.stderr:
                    self.said.append(line.decode(errors="replace").rstrip("\n"))
                    if text in self.said[-1]:
                        return self.said[-1]
        except TimeoutError:
            raise AssertionError(f"{text!r} was not said in {timeout} s; {self._account()}") from None
        raise AssertionError(f"it ended before {text!r} was said; {self._account()}")

    async def ended(self, timeout: float = 60.0) -> int:
        """The exit code."""
        assert self.process.stderr is not None
        async with asyncio.timeout(timeout):
            self.said += (await self.process.stderr.read()).decode(errors="replace").splitlines()
            return await self.process.wait()

    async def kill(self) -> None:
        """End it, whatever it does; harmless when it has ended."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def _account(self) -> str:
        return "it said:\n" + "\n".join(self.said)


def lines(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n" for text in texts)
