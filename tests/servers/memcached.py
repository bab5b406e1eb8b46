"""Memcached, started by the tests. It keeps nothing: a restart forgets everything."""

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.servers.service import Service, ServiceFailed, Unavailable, first_program

INSTALL = "Memcached is not installed (Debian: apt-get install memcached; macOS: brew install memcached)"
_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")


class MemcachedService(Service):
    """A server."""

    name = "memcached"
    accounts = ("memcache", "memcached", "nobody")

    def __init__(self) -> None:
        super().__init__()
        self._program = first_program("memcached", _FOLDERS)
        if self._program is None:
            raise Unavailable(INSTALL)

    @property
    def url(self) -> str:
        return f"memcached://127.0.0.1:{self.port}"

    def prepare(self, folder: Path) -> None:
        pass

    def command(self, folder: Path) -> Sequence[str]:
        return [str(self._program), "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-m", "32", "-t", "1"]

    def ready(self) -> bool:
        return self.say("version").startswith("VERSION")

    def say(self, command: str) -> str:
        """Send one command on a connection of its own; the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.makefile().readline().strip()

    def flush(self) -> None:
        """Forget everything."""
        if self.say("flush_all") != "OK":
            raise ServiceFailed("flush_all was refused")
