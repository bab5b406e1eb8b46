"""Redis, started by the tests: plain, behind TLS, or the Sentinel of another.

Invariant: it keeps nothing on disk, so that a restart forgets everything, as a cache may.
"""

import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.servers.service import Service, ServiceFailed, Unavailable

INSTALL = "Redis is not installed (Debian: apt-get install redis-server; macOS: brew install redis)"
_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")


class RedisService(Service):
    """A server. `settings` are further lines of its configuration; `tls` the files (certificate, key, authority)."""

    name = "redis"

    def __init__(self, settings: Sequence[str] = (), tls: tuple[Path, Path, Path] | None = None) -> None:
        super().__init__()
        # Not resolved: behind the link stands one program that goes by the name it is called.
        program = shutil.which("redis-server", path=os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS]))
        if program is None:
            raise Unavailable(INSTALL)
        self._program = program
        self._settings = settings
        self._tls = tls

    @property
    def url(self) -> str:
        if self._tls is not None:
            return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={self._tls[2]}"
        return f"redis://127.0.0.1:{self.port}/0"

    def prepare(self, folder: Path) -> None:
        lines = ['save ""', "appendonly no", "bind 127.0.0.1", f"dir {folder}", *self._settings]
        if self._tls is None:
            lines.append(f"port {self.port}")
        else:
            certificate, key, authority = self._tls
            lines += ["port 0", f"tls-port {self.port}", "tls-auth-clients no"]
            lines += [f"tls-cert-file {certificate}", f"tls-key-file {key}", f"tls-ca-cert-file {authority}"]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n")

    def command(self, folder: Path) -> Sequence[str]:
        return [self._program, str(folder / "redis.conf"), *self._mode]

    def ready(self) -> bool:
        if self._tls is not None:
            with socket.create_connection(("127.0.0.1", self.port), 5):
                return True
        return self.say("PING") == "+PONG"

    def say(self, *words: str) -> str:
        """Send one command on a connection of its own; the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            return connection.makefile().readline().strip()

    def flush(self) -> None:
        """Forget everything."""
        if self.say("FLUSHALL") != "+OK":
            raise ServiceFailed("FLUSHALL was refused")

    @property
    def _mode(self) -> Sequence[str]:
        return ()


class SentinelService(RedisService):
    """One Sentinel that watches `master` under the name `main`."""

    name = "sentinel"

    def __init__(self, master: RedisService) -> None:
        super().__init__()
        self._master = master

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/main/0"

    def prepare(self, folder: Path) -> None:
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}"]
        lines += [f"sentinel monitor main 127.0.0.1 {self._master.port} 1"]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n")

    @property
    def _mode(self) -> Sequence[str]:
        return ["--sentinel"]
