"""Mosquitto, an MQTT broker, started by the tests: plain, and if asked for with passwords, TLS and websockets.

Invariant: what is queued for a session survives `stop` and `start`. It does not survive `kill9`: Mosquitto keeps its
state in memory and writes it when it ends in order.
"""

import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.certificates import Certificates
from tests.servers.service import Service, Unavailable, first_program, free_port

INSTALL = "Mosquitto is not installed (Debian: apt-get install mosquitto; macOS: brew install mosquitto)"
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
CONNECT = bytes([0x10, 12, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 10, 0, 0])
CONNACK = 0x20


class MosquittoService(Service):
    """A broker. `users` (name → password) are asked for their password, and nobody else is let in; `rules` are lines of
    the access control file (without it everybody may read and write everything); `settings` are further lines of the
    configuration. With `tls` a second listener is encrypted, and a third speaks MQTT over websockets."""

    name = "mosquitto"

    def __init__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        rules: Sequence[str] = (),
        settings: Sequence[str] = (),
        tls: bool = False,
        client_certificates: bool = False,
    ) -> None:
        super().__init__()
        self._program = _program("mosquitto")
        self._users = dict(users or {})
        self._rules = rules
        self._settings = settings
        self._tls = tls
        self._client_certificates = client_certificates
        self.certificates: Certificates | None = None
        self.tls_port = self.websocket_port = 0

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"mqtts://127.0.0.1:{self.tls_port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.websocket_port}/mqtt"

    def prepare(self, folder: Path) -> None:
        lines = [
            # As root it would become another user, who may not write where we do.
            "user root",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1800",
            "max_queued_messages 100000",
            "log_dest stderr",
            f"allow_anonymous {'false' if self._users else 'true'}",
            *self._settings,
        ]
        if self._users:
            lines.append(f"password_file {folder}/passwords")
            self.admit(self._users, folder)
        if self._rules:
            rules = folder / "rules"
            rules.write_text("".join(f"{line}\n" for line in self._rules))
            lines.append(f"acl_file {rules}")
        lines.append(f"listener {self.port} 127.0.0.1")
        if self._tls:
            self.certificates = made = Certificates.make(folder / "certificates")
            self.tls_port, self.websocket_port = free_port(), free_port()
            lines += [f"listener {self.tls_port} 127.0.0.1", f"cafile {made.ca}"]
            lines += [f"certfile {made.server_certificate}", f"keyfile {made.server_key}"]
            lines.append(f"require_certificate {'true' if self._client_certificates else 'false'}")
            lines += [f"listener {self.websocket_port} 127.0.0.1", "protocol websockets"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def admit(self, users: Mapping[str, str], folder: Path | None = None) -> None:
        """Let these users in from the next start on, and nobody else."""
        folder = folder or self.folder
        assert folder is not None
        passwords = folder / "passwords"
        passwords.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        subprocess.run([_program("mosquitto_passwd"), "-U", passwords], check=True, capture_output=True)

    def command(self, folder: Path) -> Sequence[str]:
        return [str(self._program), "-c", str(folder / "mosquitto.conf")]

    def ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(CONNECT)
            # A refusal is an answer too.
            return connection.recv(1)[:1] == bytes([CONNACK])


def _program(name: str) -> Path:
    found = first_program(name, _FOLDERS)
    if found is None:
        raise Unavailable(INSTALL)
    return found
