"""Client ids: the broker's name for a session, and the only thing by which it finds one again.

Invariant: two connections that are open at one time have two client ids, and an instance that starts again finds the
session that it, or one that died in its place, has left: what lies there unacknowledged comes to nobody else.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import socket
import tempfile
from pathlib import Path

_SLOTS = 1024
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]+")


def sender_id(client_id: str, adapter: str, instance: str) -> str:
    """For the connection that sends; nothing of it is kept, so each life of an instance has its own."""
    return f"{client_id}-out-{_digest(f'{instance}/{adapter}')}"


class Place:
    """A place among the hubs of one machine that share a subscription: the lowest free number, held by a lock on a
    file, which the system releases when a process dies."""

    def __init__(self, client_id: str, url: str) -> None:
        self._host = _UNUSUAL.sub("-", socket.gethostname())
        self._client_id = client_id
        self._stem = f"hub-mqtt-{os.getuid()}-{_digest(f'{client_id} {url}')}"
        self._file: int | None = None
        self._number = 0

    def take(self) -> str:
        """The client id of the place; the one it had before if that is free. Raises OSError."""
        for number in (self._number, *range(_SLOTS)):
            if self._lock(Path(tempfile.gettempdir()) / f"{self._stem}-{number}.lock"):
                self._number = number
                return f"{self._client_id}-{self._host}-{number}"
        raise OSError(f"{_SLOTS} hubs on this machine share client_id {self._client_id!r} already")

    def leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _lock(self, path: Path) -> bool:
        self.leave()
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
