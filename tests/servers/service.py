"""The life of one server that the tests start.

Invariant: the port and the data stay the same from the first start to `close`, over any number of stops and crashes, so
that a client finds the server again; after `close` neither a process nor a file of it is left.
"""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from tests.servers.process import freeze, kill_tree, spawn, thaw

# pytest's own folders are closed to other users, and some servers run as one: theirs lie directly under this one.
TEMPORARY = Path("/tmp")

# Looked at by conftest.py to show what the servers said while a test failed. Weak: it keeps no server alive.
started: "weakref.WeakSet[Service]" = weakref.WeakSet()


class Unavailable(Exception):
    """A server's programs are not on this machine; the message says what to install."""


class ServiceFailed(Exception):
    """A server did not start, stop or prepare; the message ends with the last lines of its log."""


class Service(ABC):
    """A server process: made with nothing running, started, hurt and restarted at will, closed at the end.

    Methods block (tens of milliseconds to seconds); call them from a thread where a loop must go on. `start` and `stop`
    tolerate being called twice.
    """

    name: ClassVar[str]
    start_timeout: ClassVar[float] = 60.0
    stop_timeout: ClassVar[float] = 30.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[str] = "KILL"
    # Accounts to run as when the tests run as root, the first that exists; empty: the server does not mind root.
    accounts: ClassVar[Sequence[str]] = ()

    def __init__(self) -> None:
        self.port = 0
        self.folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # ---------------------------------------------------------------------------------------- what a server must say

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Write configuration and empty data into `folder`, once, before the first start. `self.port` is set."""

    @abstractmethod
    def command(self, folder: Path) -> Sequence[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server answers its own protocol now. An OSError counts as no."""

    def environment(self) -> Mapping[str, str]:
        """The whole environment of the server; nothing is inherited."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(self.folder)}

    # ------------------------------------------------------------------------------------------------------ its life

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's process id. Raises ServiceFailed when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise ServiceFailed(f"{self.name} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start, or start again with the same data on the same port, and return when it is ready."""
        if self.running:
            return
        if self.folder is not None:
            self._launch(self.folder)
            return
        # A port found free may be taken before the server binds it.
        for attempts_left in (2, 1, 0):
            self._make_folder()
            try:
                self._first_start()
                return
            except BaseException as error:
                port_taken = isinstance(error, ServiceFailed) and "in use" in str(error)
                self.close()
                if not (port_taken and attempts_left):
                    raise

    def stop(self) -> None:
        """End the server in its orderly way; its data stays. Raises ServiceFailed when it had to be killed for it."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            thaw(process.pid)
            process.send_signal(self.stop_signal)
            try:
                process.wait(self.stop_timeout)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise ServiceFailed(self._told(f"did not stop within {self.stop_timeout} s")) from None
        self._process = None

    def restart(self) -> None:
        """Stop in an orderly way, then start with the same data on the same port."""
        self.stop()
        self.start()

    def kill9(self) -> None:
        """SIGKILL the server and everything it started. What the operating system has in memory still reaches the
        disk: this is a crash of the process, not a loss of power."""
        if self._process is not None:
            kill_tree(self._process, timeout=self.stop_timeout)
            self._process = None

    def sigstop(self) -> None:
        """Freeze the server and everything it started: connections stay open, nobody answers."""
        freeze(self.pid)

    def sigcont(self) -> None:
        """Let a frozen server go on."""
        thaw(self.pid)

    def close(self) -> None:
        """End the server by force and remove its folder."""
        self.kill9()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
        started.discard(self)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.stop()
        finally:
            self.close()

    # ------------------------------------------------------------------------------------------------------- its log

    @property
    def identity(self) -> str:
        """One server's name among those of a run."""
        return f"{self.name} on port {self.port}"

    @property
    def log_size(self) -> int:
        path = self._log
        return path.stat().st_size if path is not None and path.exists() else 0

    def log(self, since: int = 0, *, limit: int = 20_000) -> str:
        """What the server wrote to its outputs from byte `since` on; no more than the last `limit` bytes."""
        if self._log is None or not self._log.exists():
            return ""
        with self._log.open("rb") as file:
            file.seek(max(since, self.log_size - limit))
            return file.read().decode(errors="replace")

    @property
    def _log(self) -> Path | None:
        return None if self.folder is None else self.folder / "log"

    # --------------------------------------------------------------------------------------------- for the subclasses

    def run_tool(self, command: Sequence[str]) -> None:
        """Run a program of the server's to its end, as the server's user. Raises ServiceFailed when it fails."""
        process = self._spawn(command)
        try:
            status = process.wait(self.start_timeout)
        except subprocess.TimeoutExpired:
            kill_tree(process, timeout=self.stop_timeout)
            raise ServiceFailed(self._told(f"{command[0]} took more than {self.start_timeout} s")) from None
        if status != 0:
            raise ServiceFailed(self._told(f"{command[0]} ended with status {status}"))

    @property
    def user(self) -> str | None:
        """The account the server runs as, or None for our own."""
        if os.geteuid() != 0 or not self.accounts:
            return None
        for account in self.accounts:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(account).pw_name
        raise Unavailable(f"{self.name} refuses to run as root, and none of {', '.join(self.accounts)} exists")

    # ------------------------------------------------------------------------------------------------------- the rest

    def _make_folder(self) -> None:
        _sweep(self.name)
        # The launcher's id in the name tells a later run whose leavings these are.
        self.folder = Path(tempfile.mkdtemp(prefix=f"hub-{self.name}-{os.getpid()}-", dir=TEMPORARY))
        if self.user is not None:
            shutil.chown(self.folder, self.user)

    def _first_start(self) -> None:
        assert self.folder is not None
        self.port = free_port()
        self.prepare(self.folder)
        self._launch(self.folder)

    def _launch(self, folder: Path) -> None:
        self._process = process = self._spawn(self.command(folder))
        started.add(self)
        deadline = time.monotonic() + self.start_timeout
        while not self._answers():
            if process.poll() is not None:
                raise ServiceFailed(self._told(f"ended with status {process.returncode} instead of starting"))
            if time.monotonic() > deadline:
                self.kill9()
                raise ServiceFailed(self._told(f"was not ready within {self.start_timeout} s"))
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.ready()
        except OSError:
            return False

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        assert self._log is not None
        with self._log.open("ab") as output:
            return spawn(
                command,
                output=output,
                environment=self.environment(),
                user=self.user,
                death_signal=self.death_signal,
            )

    def _told(self, what: str) -> str:
        return f"{self.name} {what}\n{self.log(limit=4_000)}".rstrip()


def free_port() -> int:
    """A loopback port that nobody holds now, from below those that the system gives to outgoing connections.

    From among those, a client that keeps connecting while its server is down could be given the server's own port,
    connect to itself, and so keep the server from ever coming back.
    """
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port between 20000 and 32000 on 127.0.0.1")


def first_program(name: str, folders: Iterable[str | Path]) -> Path | None:
    """The program `name` on PATH, else in the first of `folders` that has it."""
    if on_path := shutil.which(name):
        return Path(on_path).resolve()
    return next((path for folder in folders if os.access(path := Path(folder) / name, os.X_OK)), None)


def _sweep(name: str) -> None:
    """Remove the folders of test runs that were killed: their servers ended with them, their folders did not."""
    for folder in TEMPORARY.glob(f"hub-{name}-*"):
        launcher = folder.name.removeprefix(f"hub-{name}-").partition("-")[0]
        if not launcher.isdigit():
            continue
        try:
            os.kill(int(launcher), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue
