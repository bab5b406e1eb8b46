"""A process under test, from the side that started it: connected, told to go, asked for what it measured.

Invariant: a child ends with its Child, and with this process (it reads its standard input); none runs past its time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import msgspec

_ROOT = Path(__file__).resolve().parent.parent


class ChildFailed(Exception):
    """The child ended, or took too long, instead of answering."""


class Child:
    """`with Child("hub_jobs", timeout=60, url=…) as child: child.go(); child.answer()`; `spec` is JSON."""

    def __init__(self, role: str, *, timeout: float, **spec: Any) -> None:
        self._role = role
        self._timeout = timeout
        self._ready = False
        command = [sys.executable, "-m", "benchmarks.roles", role, msgspec.json.encode(spec).decode()]
        # settings of a contestant in our environment would change what it does
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PGQUEUER_", "HUB_"))}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=environment
        )
        self._watch = threading.Timer(timeout, self._process.kill)
        self._watch.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def go(self) -> None:
        """Let it begin, once it is connected."""
        self.ready()
        self.say("go")

    def ready(self) -> None:
        """Return when it is connected. Two that were made one after the other start up together."""
        if not self._ready:
            self.answer()
            self._ready = True

    def say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next thing the child tells. Raises ChildFailed when it does not."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            reason = f"took more than {self._timeout:g} s" if status == -9 else f"ended with status {status}"
            raise ChildFailed(f"{self._role} {reason}")
        told: dict[str, Any] = msgspec.json.decode(line)
        return told

    def close(self) -> None:
        """Let it end by itself; it has ten seconds for it."""
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._release()

    def kill(self) -> None:
        self._process.kill()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()

    def _release(self) -> None:
        self._process.wait()
        self._watch.cancel()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
